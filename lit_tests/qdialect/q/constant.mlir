// RUN: qopt %s --split-input-file | filecheck %s

// Small constants are numbers that a person can edit.
// CHECK-LABEL: func.func @small
// CHECK: q.constant #q.dense<[[1, -2], [3, 4]] : tensor<2x2x!q.fixed<8, 4>>>
// CHECK: q.constant #q.dense<[-1, 1] : tensor<2x!q.bipolar>>
// CHECK: q.constant #q.dense<[0.5, -0.0, "inf", "nan"] : tensor<4xf32>>
// CHECK: q.constant #q.dense<[6.0e-45, -1.5e+20] : tensor<2xf32>>
// CHECK: q.constant #q.dense<["1/3", "-2"] : tensor<2x!q.real>>
// CHECK: q.constant #q.dense<7 : tensor<!q.fixed<4, 0>>>
func.func @small() {
  %a = q.constant #q.dense<[[1, -2], [3, 4]] : tensor<2x2x!q.fixed<8, 4>>>
  %b = q.constant #q.dense<[-1, 1] : tensor<2x!q.bipolar>>
  %c = q.constant #q.dense<[0.5, -0.0, "inf", "nan"] : tensor<4xf32>>
  %f = q.constant #q.dense<[6.0e-45, -1.5e20] : tensor<2xf32>>
  %d = q.constant #q.dense<["1/3", "-2"] : tensor<2x!q.real>>
  %e = q.constant #q.dense<7 : tensor<!q.fixed<4, 0>>>
  func.return
}

// -----

// Equal elements print as one, many others as packed base64.
// CHECK-LABEL: func.func @large
// CHECK: q.constant #q.dense<3 : tensor<100x!q.fixed<4, 0>>>
// CHECK: q.constant #q.dense<1 : tensor<128x!q.bipolar>>
// CHECK: q.constant #q.dense<"/v///////////////////w==" : tensor<128x!q.bipolar>>
func.func @large() {
  %a = q.constant #q.dense<3 : tensor<100x!q.fixed<4, 0>>>
  %b = q.constant #q.dense<"/////////////////////w==" : tensor<128x!q.bipolar>>
  %c = q.constant #q.dense<"/v///////////////////w==" : tensor<128x!q.bipolar>>
  func.return
}

// -----

// A splat of few elements is spelt out.
// CHECK-LABEL: func.func @spelt
// CHECK: q.constant #q.dense<[3, 3] : tensor<2x!q.fixed<4, 0>>>
func.func @spelt() {
  %a = q.constant #q.dense<3 : tensor<2x!q.fixed<4, 0>>>
  func.return
}
