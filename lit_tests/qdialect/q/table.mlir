// RUN: qopt %s --split-input-file | filecheck %s

// One row for all channels, a row each along an axis; the result has the type of the entries.
// CHECK-LABEL: func.func @table
// CHECK: q.table %x, %{{.*}} base -2 : tensor<1x2x3x!q.fixed<2, 0>>, tensor<1x4x!q.ufixed<3, 1>> -> tensor<1x2x3x!q.ufixed<3, 1>>
// CHECK: q.table %x, %{{.*}} base -1 axis 1 : tensor<1x2x3x!q.fixed<2, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x3x!q.fixed<2, 0>>
// CHECK: q.table %x, %{{.*}} base 0 : tensor<1x2x3x!q.fixed<2, 0>>, tensor<1x1x!q.bipolar> -> tensor<1x2x3x!q.bipolar>
func.func @table(%x: tensor<1x2x3x!q.fixed<2, 0>>) {
  %t = q.constant #q.dense<[[7, 0, 1, 5]] : tensor<1x4x!q.ufixed<3, 1>>>
  %0 = q.table %x, %t base -2 : tensor<1x2x3x!q.fixed<2, 0>>, tensor<1x4x!q.ufixed<3, 1>> -> tensor<1x2x3x!q.ufixed<3, 1>>
  %u = q.constant #q.dense<[[1, -2], [0, 1]] : tensor<2x2x!q.fixed<2, 0>>>
  %1 = q.table %x, %u base -1 axis 1 : tensor<1x2x3x!q.fixed<2, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x3x!q.fixed<2, 0>>
  %b = q.constant #q.dense<[[-1]] : tensor<1x1x!q.bipolar>>
  %2 = q.table %x, %b base 0 : tensor<1x2x3x!q.fixed<2, 0>>, tensor<1x1x!q.bipolar> -> tensor<1x2x3x!q.bipolar>
  func.return
}
