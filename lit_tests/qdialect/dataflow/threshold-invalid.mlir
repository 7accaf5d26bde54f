// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// Thresholds rise in each row.
// CHECK: error: dataflow.threshold needs thresholds in rising order, row 1 has 5 before 3
// CHECK-NEXT: at: {{.*}}threshold-invalid.mlir:9:3
// CHECK-NEXT: mend: sort each row
func.func private @order(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %t = q.constant #q.dense<[[1, 2], [5, 3]] : tensor<2x2x!q.fixed<5, 0>>>
  %y = dataflow.threshold %x, %t base 0 -> !q.ufixed<2, 0>
  func.return
}

// -----

// The rows of thresholds divide a frame.
// CHECK: error: dataflow.threshold has 3 rows of thresholds, which do not divide the 4 elements of a frame
// CHECK-NEXT: at: {{.*}}threshold-invalid.mlir:21:3
// CHECK-NEXT: mend: give one row, or one for each channel
func.func private @rows(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %t = q.constant #q.dense<[[1], [5], [6]] : tensor<3x1x!q.fixed<5, 0>>>
  %y = dataflow.threshold %x, %t base 0 -> !q.ufixed<2, 0>
  func.return
}

// -----

// The result type holds every code.
// CHECK: error: dataflow.threshold gives codes 0 to 2, but !q.ufixed<1, 0> holds 0 to 1
// CHECK-NEXT: at: {{.*}}threshold-invalid.mlir:32:3
func.func private @codes(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %t = q.constant #q.dense<[[1, 2]] : tensor<1x2x!q.fixed<5, 0>>>
  %y = dataflow.threshold %x, %t base 0 -> !q.ufixed<1, 0>
  func.return
}

// -----

// A bipolar result has one threshold.
// CHECK: error: dataflow.threshold to !q.bipolar has one threshold and base -1, got 2 and base -1
// CHECK-NEXT: at: {{.*}}threshold-invalid.mlir:43:3
func.func private @bipolar(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %t = q.constant #q.dense<[[1, 2]] : tensor<1x2x!q.fixed<5, 0>>>
  %y = dataflow.threshold %x, %t base -1 -> !q.bipolar
  func.return
}

// -----

// Thresholds are constant.
// CHECK: error: dataflow.threshold needs constant thresholds
// CHECK-NEXT: at: {{.*}}threshold-invalid.mlir:54:3
// CHECK-NEXT: mend: give it the result of a q.constant
func.func private @constant(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>, %t: tensor<1x1x!q.fixed<5, 0>>) {
  %y = dataflow.threshold %x, %t base -1 -> !q.bipolar
  func.return
}

// -----

// There is a flag for each row.
// CHECK: error: dataflow.threshold needs descending as a constant of 1 flags, each 0 or 1
// CHECK-NEXT: at: {{.*}}threshold-invalid.mlir:66:3
func.func private @flags(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %t = q.constant #q.dense<[[1, 2]] : tensor<1x2x!q.fixed<5, 0>>>
  %d = q.constant #q.dense<[0, 1] : tensor<2x!q.ufixed<1, 0>>>
  %y = dataflow.threshold %x, %t descending %d base 0 -> !q.ufixed<2, 0>
  func.return
}

// -----

// Lanes divide a frame.
// CHECK: error: dataflow.threshold cannot make beats of 3 lanes from 4 elements a frame
// CHECK-NEXT: at: {{.*}}threshold-invalid.mlir:78:41
// CHECK: mend: choose lanes from 1, 2, 4
func.func private @lanes(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %t = q.constant #q.dense<[[1, 2]] : tensor<1x2x!q.fixed<5, 0>>>
  %y = dataflow.threshold %x, %t base 0 lanes 3 -> !q.ufixed<2, 0>
  func.return
}

// -----

// The result keeps the frame.
// CHECK: error: dataflow.threshold keeps the 4 elements of a frame, but its result has 8
// CHECK-NEXT: at: {{.*}}threshold-invalid.mlir:90:3
// CHECK-NEXT: mend: write beats = 2 for lanes = 2
func.func private @frame(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %t = q.constant #q.dense<[[1, 2]] : tensor<1x2x!q.fixed<5, 0>>>
  %y = "dataflow.threshold"(%x, %t) <{base = 0 : i64}> : (!dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>, tensor<1x2x!q.fixed<5, 0>>) -> !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 4>
  func.return
}

// -----

// A stream carries integer codes.
// CHECK: error: !dataflow.stream cannot carry !q.real
// CHECK-NEXT: at: {{.*}}threshold-invalid.mlir:102:44
// CHECK: mend: quantise to !q.fixed, !q.ufixed or !q.bipolar before the hardware part
func.func private @real(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %t = q.constant #q.dense<[[1, 2]] : tensor<1x2x!q.fixed<5, 0>>>
  %y = dataflow.threshold %x, %t base 0 -> !q.real
  func.return
}
