// RUN: qopt %s --split-input-file -p q-convert-to-dataflow | filecheck %s

// Rows and columns of pixels that take turns.
// CHECK-LABEL: func.func private @hardware
// CHECK-NEXT: %y = dataflow.interleave %x, %x, %x, %x image [4, 6, 2] factors [2, 2] loc("Up_1")
// CHECK-NEXT: func.return %y
func.func private @hardware(%x: tensor<1x2x3x2x!q.fixed<3, 0>>) -> tensor<1x4x6x2x!q.fixed<3, 0>> {
  %y = q.interleave %x, %x, %x, %x axes [1, 2] factors [2, 2] : tensor<1x2x3x2x!q.fixed<3, 0>>, tensor<1x2x3x2x!q.fixed<3, 0>>, tensor<1x2x3x2x!q.fixed<3, 0>>, tensor<1x2x3x2x!q.fixed<3, 0>> -> tensor<1x4x6x2x!q.fixed<3, 0>> loc("Up_1")
  func.return %y : tensor<1x4x6x2x!q.fixed<3, 0>>
}

// -----

// Rows of one axis, and channels that become rows and columns; channels of a row are its pixels as they are.
// CHECK-LABEL: func.func private @hardware
// CHECK-NEXT: %a = dataflow.interleave %x, %x image [1, 4, 4] factors [1, 2]
// CHECK-NEXT: %c = dataflow.depth_to_space %a image [2, 2, 4] factors [2, 2]
// CHECK-NEXT: func.return %c
func.func private @hardware(%x: tensor<1x2x4x!q.fixed<3, 0>>) -> tensor<1x4x4x1x!q.fixed<3, 0>> {
  %a = q.interleave %x, %x axes [1] factors [2] : tensor<1x2x4x!q.fixed<3, 0>>, tensor<1x2x4x!q.fixed<3, 0>> -> tensor<1x4x4x!q.fixed<3, 0>>
  %0 = q.depth_to_space %a axis 2 axes [1] factors [4] : tensor<1x4x4x!q.fixed<3, 0>> -> tensor<1x16x1x!q.fixed<3, 0>>
  %b = q.reshape %0 : tensor<1x16x1x!q.fixed<3, 0>> -> tensor<1x2x2x4x!q.fixed<3, 0>>
  %c = q.depth_to_space %b axis 3 axes [1, 2] factors [2, 2] : tensor<1x2x2x4x!q.fixed<3, 0>> -> tensor<1x4x4x1x!q.fixed<3, 0>>
  func.return %c : tensor<1x4x4x1x!q.fixed<3, 0>>
}
