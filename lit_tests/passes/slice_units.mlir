// RUN: qopt %s --split-input-file -p q-convert-to-dataflow | filecheck %s

// Parts of rows, columns and channels of an image; whole axes count as one.
// CHECK-LABEL: func.func private @hardware
// CHECK-NEXT: %a = dataflow.slice %x image [4, 6, 2] starts [1, 0, 1] sizes [2, 3, 1] steps [1, 2, 1] lanes [1, 1] loc("Slice_1")
// CHECK-NEXT: %b = dataflow.slice %a image [1, 1, 6] starts [0, 0, 3] sizes [1, 1, 3] steps [1, 1, 1] lanes [1, 1]
// CHECK-NEXT: func.return %b
func.func private @hardware(%x: tensor<1x4x6x2x!q.fixed<3, 0>>) -> tensor<1x1x3x1x!q.fixed<3, 0>> {
  %a = q.slice %x starts [0, 1, 0, 1] sizes [1, 2, 3, 1] steps [1, 1, 2, 1] : tensor<1x4x6x2x!q.fixed<3, 0>> -> tensor<1x2x3x1x!q.fixed<3, 0>> loc("Slice_1")
  %b = q.slice %a starts [0, 1, 0, 0] sizes [1, 1, 3, 1] steps [1, 1, 1, 1] : tensor<1x2x3x1x!q.fixed<3, 0>> -> tensor<1x1x3x1x!q.fixed<3, 0>>
  func.return %b : tensor<1x1x3x1x!q.fixed<3, 0>>
}

// -----

// Channels in any order need whole pixels; those with a constant step do not.
// CHECK-LABEL: func.func private @hardware
// CHECK-NEXT: %a = dataflow.slice %x image [1, 6, 4] starts [0, 0, 0] sizes [1, 6, 4] steps [1, 1, 1] order [0, 2, 1, 3] lanes [4, 4]
// CHECK-NEXT: %b = dataflow.slice %a image [1, 6, 4] starts [0, 0, 1] sizes [1, 6, 2] steps [1, 1, 2] lanes [1, 1]
// CHECK-NEXT: func.return %b
func.func private @hardware(%x: tensor<1x2x3x4x!q.fixed<3, 0>>) -> tensor<1x2x3x2x!q.fixed<3, 0>> {
  %a = q.gather %x indices [0, 2, 1, 3] axis 3 : tensor<1x2x3x4x!q.fixed<3, 0>> -> tensor<1x2x3x4x!q.fixed<3, 0>>
  %b = q.gather %a indices [1, 3] axis 3 : tensor<1x2x3x4x!q.fixed<3, 0>> -> tensor<1x2x3x2x!q.fixed<3, 0>>
  func.return %b : tensor<1x2x3x2x!q.fixed<3, 0>>
}
