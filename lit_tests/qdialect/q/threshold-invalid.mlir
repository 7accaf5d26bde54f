// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// Thresholds rise.
// CHECK: error: q.threshold needs thresholds in rising order, row 1 has 5 before 3
// CHECK-NEXT: at: {{.*}}threshold-invalid.mlir:9:3
// CHECK-NEXT: mend: sort each row
func.func @order(%x: tensor<1x2x!q.fixed<8, 0>>) {
  %t = q.constant #q.dense<[[1, 2], [5, 3]] : tensor<2x2x!q.fixed<8, 0>>>
  %0 = q.threshold %x, %t base -1 : tensor<1x2x!q.fixed<8, 0>>, tensor<2x2x!q.fixed<8, 0>> -> tensor<1x2x!q.fixed<2, 0>>
  func.return
}

// -----

// The result holds all codes.
// CHECK: error: q.threshold gives codes 0 to 2, but !q.fixed<2, 0> holds -2 to 1
func.func @codes(%x: tensor<1x2x!q.fixed<8, 0>>) {
  %t = q.constant #q.dense<[[1, 2]] : tensor<1x2x!q.fixed<8, 0>>>
  %0 = q.threshold %x, %t base 0 : tensor<1x2x!q.fixed<8, 0>>, tensor<1x2x!q.fixed<8, 0>> -> tensor<1x2x!q.fixed<2, 0>>
  func.return
}

// -----

// A row for each channel, or one for all.
// CHECK: error: q.threshold needs thresholds of shape [1 or 2, B], got [3, 1]
func.func @rows(%x: tensor<1x2x!q.fixed<8, 0>>) {
  %t = q.constant #q.dense<[[1], [2], [3]] : tensor<3x1x!q.fixed<8, 0>>>
  %0 = q.threshold %x, %t base 0 : tensor<1x2x!q.fixed<8, 0>>, tensor<3x1x!q.fixed<8, 0>> -> tensor<1x2x!q.ufixed<2, 0>>
  func.return
}

// -----

// Thresholds are constants.
// CHECK: error: q.threshold needs constant thresholds
// CHECK: mend: give it the result of a q.constant
func.func @constant(%x: tensor<1x2x!q.fixed<8, 0>>, %t: tensor<1x1x!q.fixed<8, 0>>) {
  %0 = q.threshold %x, %t base 0 : tensor<1x2x!q.fixed<8, 0>>, tensor<1x1x!q.fixed<8, 0>> -> tensor<1x2x!q.ufixed<2, 0>>
  func.return
}

// -----

// A bipolar result has one threshold.
// CHECK: error: q.threshold to !q.bipolar has one threshold and base -1, got 2 and base -1
func.func @bipolar(%x: tensor<1x2x!q.fixed<8, 0>>) {
  %t = q.constant #q.dense<[[1, 2]] : tensor<1x2x!q.fixed<8, 0>>>
  %0 = q.threshold %x, %t base -1 : tensor<1x2x!q.fixed<8, 0>>, tensor<1x2x!q.fixed<8, 0>> -> tensor<1x2x!q.bipolar>
  func.return
}

// -----

// Flags are 0 or 1, one for each row.
// CHECK: error: q.threshold needs descending as a constant of 1 flags, each 0 or 1
func.func @flags(%x: tensor<1x2x!q.fixed<8, 0>>) {
  %t = q.constant #q.dense<[[1]] : tensor<1x1x!q.fixed<8, 0>>>
  %d = q.constant #q.dense<[0, 1] : tensor<2x!q.ufixed<1, 0>>>
  %0 = q.threshold %x, %t descending %d : tensor<2x!q.ufixed<1, 0>> base 0 : tensor<1x2x!q.fixed<8, 0>>, tensor<1x1x!q.fixed<8, 0>> -> tensor<1x2x!q.ufixed<2, 0>>
  func.return
}

// -----

// The shape stays.
// CHECK: error: q.threshold keeps shape [1, 2], not [1, 3]
func.func @shape(%x: tensor<1x2x!q.fixed<8, 0>>) {
  %t = q.constant #q.dense<[[1]] : tensor<1x1x!q.fixed<8, 0>>>
  %0 = q.threshold %x, %t base 0 : tensor<1x2x!q.fixed<8, 0>>, tensor<1x1x!q.fixed<8, 0>> -> tensor<1x3x!q.ufixed<2, 0>>
  func.return
}

// -----

// The axis of the channels exists.
// CHECK: error: q.threshold has axis 2, but its input has 2 axes
// CHECK: mend: count axes from 0
func.func @axis(%x: tensor<1x2x!q.fixed<4, 0>>) {
  %t = q.constant #q.dense<[[-3], [5]] : tensor<2x1x!q.fixed<4, 0>>>
  %0 = q.threshold %x, %t base 0 axis 2 : tensor<1x2x!q.fixed<4, 0>>, tensor<2x1x!q.fixed<4, 0>> -> tensor<1x2x!q.ufixed<1, 0>>
  func.return
}

// -----

// Numbers of two kinds are not compared.
// CHECK: error: q.threshold compares integers, f32 or real numbers with such thresholds, not f32 with !q.fixed<4, 0>
func.func @kinds(%x: tensor<1x2xf32>) {
  %t = q.constant #q.dense<[[-3]] : tensor<1x1x!q.fixed<4, 0>>>
  %0 = q.threshold %x, %t base 0 : tensor<1x2xf32>, tensor<1x1x!q.fixed<4, 0>> -> tensor<1x2x!q.ufixed<1, 0>>
  func.return
}
