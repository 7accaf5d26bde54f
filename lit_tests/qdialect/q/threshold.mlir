// RUN: qopt %s --split-input-file | filecheck %s

// One row of thresholds for all channels, a row each, falling channels, bipolar results.
// CHECK-LABEL: func.func @threshold
// CHECK: q.threshold %{{.*}}, %{{.*}} base -1 : tensor<1x2x!q.fixed<8, 0>>, tensor<1x2x!q.fixed<8, 0>> -> tensor<1x2x!q.fixed<2, 0>>
// CHECK: q.threshold %{{.*}}, %{{.*}} descending %{{.*}} : tensor<2x!q.ufixed<1, 0>> base 0 : tensor<1x2x!q.fixed<8, 0>>, tensor<2x3x!q.fixed<9, 0>> -> tensor<1x2x!q.ufixed<2, 0>>
// CHECK: q.threshold %{{.*}}, %{{.*}} base -1 : tensor<1x2x!q.fixed<8, 0>>, tensor<1x1x!q.fixed<8, 0>> -> tensor<1x2x!q.bipolar>
func.func @threshold(%x: tensor<1x2x!q.fixed<8, 0>>) {
  %t = q.constant #q.dense<[[-3, 5]] : tensor<1x2x!q.fixed<8, 0>>>
  %0 = q.threshold %x, %t base -1 : tensor<1x2x!q.fixed<8, 0>>, tensor<1x2x!q.fixed<8, 0>> -> tensor<1x2x!q.fixed<2, 0>>
  %u = q.constant #q.dense<[[-3, 5, 5], [0, 1, 128]] : tensor<2x3x!q.fixed<9, 0>>>
  %d = q.constant #q.dense<[0, 1] : tensor<2x!q.ufixed<1, 0>>>
  %1 = q.threshold %x, %u descending %d : tensor<2x!q.ufixed<1, 0>> base 0 : tensor<1x2x!q.fixed<8, 0>>, tensor<2x3x!q.fixed<9, 0>> -> tensor<1x2x!q.ufixed<2, 0>>
  %b = q.constant #q.dense<[[0]] : tensor<1x1x!q.fixed<8, 0>>>
  %2 = q.threshold %x, %b base -1 : tensor<1x2x!q.fixed<8, 0>>, tensor<1x1x!q.fixed<8, 0>> -> tensor<1x2x!q.bipolar>
  func.return
}

// -----

// The channels may be along another axis than the last.
// CHECK-LABEL: func.func @axis
// CHECK: q.threshold %{{.*}}, %{{.*}} base 0 axis 1 : tensor<1x2x3x!q.fixed<4, 0>>, tensor<2x1x!q.fixed<4, 0>> -> tensor<1x2x3x!q.ufixed<1, 0>>
func.func @axis(%x: tensor<1x2x3x!q.fixed<4, 0>>) {
  %t = q.constant #q.dense<[[-3], [5]] : tensor<2x1x!q.fixed<4, 0>>>
  %0 = q.threshold %x, %t base 0 axis 1 : tensor<1x2x3x!q.fixed<4, 0>>, tensor<2x1x!q.fixed<4, 0>> -> tensor<1x2x3x!q.ufixed<1, 0>>
  func.return
}

// -----

// Float32 and real numbers are compared with thresholds of their own type.
// CHECK-LABEL: func.func @numbers
// CHECK: q.threshold %x, %{{.*}} base 0 : tensor<1x2xf32>, tensor<1x2xf32> -> tensor<1x2x!q.ufixed<2, 0>>
// CHECK: q.threshold %r, %{{.*}} base -1 axis 0 : tensor<1x2x!q.real>, tensor<1x1x!q.real> -> tensor<1x2x!q.bipolar>
func.func @numbers(%x: tensor<1x2xf32>, %r: tensor<1x2x!q.real>) {
  %t = q.constant #q.dense<[[-0.5, 0.25]] : tensor<1x2xf32>>
  %0 = q.threshold %x, %t base 0 : tensor<1x2xf32>, tensor<1x2xf32> -> tensor<1x2x!q.ufixed<2, 0>>
  %u = q.constant #q.dense<[["1/3"]] : tensor<1x1x!q.real>>
  %1 = q.threshold %r, %u base -1 axis 0 : tensor<1x2x!q.real>, tensor<1x1x!q.real> -> tensor<1x2x!q.bipolar>
  func.return
}
