// RUN: qopt %s --split-input-file --verify-diagnostics -p q-convert-to-dataflow | filecheck %s

// A stream has one direction.
// CHECK: error: q.slice takes elements backwards
// CHECK: mend: take a part of at most three axes, forwards, or few channels in any order
func.func private @hardware(%x: tensor<1x4x6x2x!q.fixed<3, 0>>) -> tensor<1x4x6x2x!q.fixed<3, 0>> {
  %y = q.slice %x starts [0, 3, 0, 0] sizes [1, 4, 6, 2] steps [1, -1, 1, 1] : tensor<1x4x6x2x!q.fixed<3, 0>> -> tensor<1x4x6x2x!q.fixed<3, 0>>
  func.return %y : tensor<1x4x6x2x!q.fixed<3, 0>>
}

// -----

// An image has three axes.
// CHECK: error: q.slice takes a part of 4 axes
func.func private @hardware(%x: tensor<1x4x4x4x4x!q.fixed<3, 0>>) -> tensor<1x3x3x3x3x!q.fixed<3, 0>> {
  %y = q.slice %x starts [0, 0, 0, 0, 0] sizes [1, 3, 3, 3, 3] steps [1, 1, 1, 1, 1] : tensor<1x4x4x4x4x!q.fixed<3, 0>> -> tensor<1x3x3x3x3x!q.fixed<3, 0>>
  func.return %y : tensor<1x3x3x3x3x!q.fixed<3, 0>>
}

// -----

// Rows in another order would have to be kept.
// CHECK: error: q.gather changes the order of 8192 elements, hardware that of up to 4096
func.func private @hardware(%x: tensor<1x4x64x32x!q.fixed<3, 0>>) -> tensor<1x2x64x32x!q.fixed<3, 0>> {
  %y = q.gather %x indices [3, 0] axis 1 : tensor<1x4x64x32x!q.fixed<3, 0>> -> tensor<1x2x64x32x!q.fixed<3, 0>>
  func.return %y : tensor<1x2x64x32x!q.fixed<3, 0>>
}
