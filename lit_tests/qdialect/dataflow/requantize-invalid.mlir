// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// The clip range fits the result.
// CHECK: error: dataflow.requantize clips to [-3, 9], but !q.fixed<4, 0> holds -8 to 7
// CHECK-NEXT: at: {{.*}}requantize-invalid.mlir:9:3
// CHECK-NEXT: mend: clip to <-3, 7> or widen the type
func.func private @clip(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %m = q.constant #q.dense<[3] : tensor<1x!q.fixed<5, 0>>>
  %y = dataflow.requantize %x, %m, %m shift 2 half_even clip <-3, 9> -> !q.fixed<4, 0>
  func.return
}

// -----

// A shift goes to the right.
// CHECK: error: dataflow.requantize has shift -2
// CHECK-NEXT: at: {{.*}}requantize-invalid.mlir:21:3
// CHECK-NEXT: mend: scale multiplier and addend by 2^2, shift 0
func.func private @shift(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %m = q.constant #q.dense<[3] : tensor<1x!q.fixed<5, 0>>>
  %y = dataflow.requantize %x, %m, %m shift -2 half_even clip <-3, 7> -> !q.fixed<4, 0>
  func.return
}

// -----

// Bipolar results come from thresholds.
// CHECK: error: dataflow.requantize makes !q.fixed or !q.ufixed, not !q.bipolar
// CHECK-NEXT: at: {{.*}}requantize-invalid.mlir:33:3
// CHECK-NEXT: mend: use thresholds
func.func private @bipolar(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %m = q.constant #q.dense<[3] : tensor<1x!q.fixed<5, 0>>>
  %y = dataflow.requantize %x, %m, %m shift 2 half_even clip <-1, 1> -> !q.bipolar
  func.return
}

// -----

// Constants are for one or for all channels.
// CHECK: error: dataflow.requantize has 2 and 4 constants
// CHECK-NEXT: at: {{.*}}requantize-invalid.mlir:46:3
// CHECK-NEXT: mend: give one or one a channel to both
func.func private @channels(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %m = q.constant #q.dense<[3, 1] : tensor<2x!q.fixed<5, 0>>>
  %a = q.constant #q.dense<[3, 1, 1, 1] : tensor<4x!q.fixed<5, 0>>>
  %y = dataflow.requantize %x, %m, %a shift 2 half_even clip <-3, 7> -> !q.fixed<4, 0>
  func.return
}

// -----

// Channels divide a frame.
// CHECK: error: dataflow.requantize has constants for 3 channels, which do not divide the 4 elements of a frame
// CHECK-NEXT: at: {{.*}}requantize-invalid.mlir:58:3
// CHECK-NEXT: mend: give one constant, or one for each channel
func.func private @frame(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %m = q.constant #q.dense<[3, 1, 1] : tensor<3x!q.fixed<5, 0>>>
  %y = dataflow.requantize %x, %m, %m shift 2 half_even clip <-3, 7> -> !q.fixed<4, 0>
  func.return
}

// -----

// Constants have no fraction bits.
// CHECK: error: dataflow.requantize needs multiplier without fraction bits, got !q.fixed<5, 1>
// CHECK-NEXT: at: {{.*}}requantize-invalid.mlir:70:3
// CHECK-NEXT: mend: count them in shift
func.func private @fraction(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %m = q.constant #q.dense<[3] : tensor<1x!q.fixed<5, 1>>>
  %y = dataflow.requantize %x, %m, %m shift 2 half_even clip <-3, 7> -> !q.fixed<4, 0>
  func.return
}

// -----

// Constants are vectors.
// CHECK: error: dataflow.requantize needs multiplier of shape [C or 1], got [1, 1]
// CHECK-NEXT: at: {{.*}}requantize-invalid.mlir:82:3
// CHECK-NEXT: mend: reshape it
func.func private @matrix(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>) {
  %m = q.constant #q.dense<[[3]] : tensor<1x1x!q.fixed<5, 0>>>
  %y = dataflow.requantize %x, %m, %m shift 2 half_even clip <-3, 7> -> !q.fixed<4, 0>
  func.return
}

// -----

// Constants are constant.
// CHECK: error: dataflow.requantize needs constant multiplier
// CHECK-NEXT: at: {{.*}}requantize-invalid.mlir:93:3
// CHECK-NEXT: mend: give it the result of a q.constant
func.func private @constant(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>, %m: tensor<1x!q.fixed<5, 0>>) {
  %y = dataflow.requantize %x, %m, %m shift 2 half_even clip <-3, 7> -> !q.fixed<4, 0>
  func.return
}
