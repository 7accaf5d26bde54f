// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// Without channels a pool needs windows in its order; a converter would mix them.
// CHECK: error: dataflow.max_pool takes windows of 4 taps, channel group by channel group
// CHECK-NEXT: at: {{.*}}pool-invalid.mlir:10:3
// CHECK-NEXT: mend: put a dataflow.sliding_window ... depthwise with such a kernel before it, and no width converter between
func.func private @converter(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 2, beats = 32>) {
  %w = dataflow.sliding_window %x image [4, 4, 4] kernel [2, 2] strides [2, 2] depthwise
  %a = dataflow.width_converter %w lanes 4
  %y = dataflow.max_pool %a taps 4
  func.return
}

// -----
// The taps are those of the kernel.
// CHECK: error: dataflow.sum_pool takes windows of 3 taps, channel group by channel group
func.func private @taps(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 2, beats = 32>) {
  %w = dataflow.sliding_window %x image [4, 4, 4] kernel [2, 2] strides [2, 2] depthwise
  %y = dataflow.sum_pool %w taps 3 -> !q.fixed<8, 0>
  func.return
}

// -----
// Taps and channels fill the frame.
// CHECK: error: dataflow.max_pool takes 5 x 4 elements at a time, but a frame of its input has 64
// CHECK: mend: write taps and channels whose product divides that
func.func private @frame(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 64>) {
  %y = dataflow.max_pool %x taps 5 channels 4
  func.return
}

// -----
// A beat does not reach from tap to tap.
// CHECK: error: dataflow.max_pool has 4 lanes, which do not divide the 2 channels
// CHECK: mend: choose one of 1, 2
func.func private @lanes(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 4, beats = 16>) {
  %y = dataflow.max_pool %x taps 4 channels 2
  func.return
}

// -----
// Sums are exact.
// CHECK: error: dataflow.sum_pool can give codes from -32 to 28, but !q.fixed<5, 0> holds -16 to 15
// CHECK: mend: write !q.fixed<6, 0>
func.func private @sum(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>) {
  %y = dataflow.sum_pool %x taps 4 channels 2 -> !q.fixed<5, 0>
  func.return
}

// -----
// The largest is one of the elements.
// CHECK: error: dataflow.max_pool keeps the element type !q.fixed<4, 0>, but gives !q.fixed<5, 0>
// CHECK: mend: make both equal
func.func private @maximum(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>) {
  %y = "dataflow.max_pool"(%x) <{taps = 4 : i64, channels = 2 : i64}> : (!dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>) -> !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>
  func.return
}

// -----
// The result has one element for the taps.
// CHECK: error: dataflow.max_pool makes !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 4>, not !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 8>
func.func private @type(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>) {
  %y = "dataflow.max_pool"(%x) <{taps = 4 : i64, channels = 2 : i64}> : (!dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>) -> !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 8>
  func.return
}
