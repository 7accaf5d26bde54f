// RUN: qopt %s --print-op-generic | qopt - | filecheck %s
// RUN: xdsl-opt %s --print-op-generic | xdsl-opt | filecheck %s

// The generic form reads back as the same op, with qopt and with plain xdsl-opt.
// CHECK: %{{.*}} = q.quantize %x half_even saturate narrow : tensor<1x4xf32> -> tensor<1x4x!q.fixed<4, 1>>
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4x!q.fixed<4, 1>> {
  %0 = q.quantize %x half_even saturate narrow : tensor<1x4xf32> -> tensor<1x4x!q.fixed<4, 1>>
  func.return %0 : tensor<1x4x!q.fixed<4, 1>>
}
