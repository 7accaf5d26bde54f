// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// Windows come channel group by channel group.
// CHECK: error: dataflow.depthwise takes windows of 4 taps, channel group by channel group
// CHECK-NEXT: at: {{.*}}depthwise-invalid.mlir:10:3
// CHECK-NEXT: mend: put a dataflow.sliding_window ... depthwise with such a kernel before it
func.func private @order(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 32>) {
  %w = q.constant #q.dense<[[1, 2, 1, -2], [3, 0, 1, 1]] : tensor<2x4x!q.fixed<3, 1>>>
  %c = dataflow.sliding_window %x image [4, 4, 2] kernel [2, 2] strides [2, 1] lanes 2
  %y = dataflow.depthwise %c, %w -> !q.fixed<9, 1>
  func.return
}

// -----
// Each channel has its weights.
// CHECK: error: dataflow.depthwise has weights for 3 channels, but its windows have 2
// CHECK: mend: give the weights one row a channel
func.func private @channels(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 32>) {
  %w = q.constant #q.dense<[[1, 2, 1, -2], [3, 0, 1, 1], [0, 0, 0, 1]] : tensor<3x4x!q.fixed<3, 1>>>
  %c = dataflow.sliding_window %x image [4, 4, 2] kernel [2, 2] strides [2, 1] depthwise
  %y = dataflow.depthwise %c, %w -> !q.fixed<9, 1>
  func.return
}

// -----
// Weights are a matrix.
// CHECK: error: weights are a tensor [channels, taps], not tensor<4x!q.fixed<3, 1>>
func.func private @weights(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 32>) {
  %w = q.constant #q.dense<[1, 2, 1, -2] : tensor<4x!q.fixed<3, 1>>>
  %c = dataflow.sliding_window %x image [4, 4, 2] kernel [2, 2] depthwise
  %y = dataflow.depthwise %c, %w -> !q.fixed<9, 1>
  func.return
}

// -----
// Sums are exact.
// CHECK: error: dataflow.depthwise can give codes from -46 to 44, but !q.fixed<6, 1> holds -32 to 31
// CHECK: mend: write !q.fixed<7, 1>
func.func private @sums(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 32>) {
  %w = q.constant #q.dense<[[1, 2, 1, -2], [3, 0, 1, 1]] : tensor<2x4x!q.fixed<3, 1>>>
  %c = dataflow.sliding_window %x image [4, 4, 2] kernel [2, 2] depthwise
  %y = dataflow.depthwise %c, %w -> !q.fixed<6, 1>
  func.return
}

// -----
// The bias has the quantum of the products.
// CHECK: error: dataflow.depthwise needs a bias with 1 fraction bits (those of input and weights), got 0
func.func private @bias(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 32>) {
  %w = q.constant #q.dense<[[1, 2, 1, -2], [3, 0, 1, 1]] : tensor<2x4x!q.fixed<3, 1>>>
  %b = q.constant #q.dense<[4, -2] : tensor<2x!q.fixed<4, 0>>>
  %c = dataflow.sliding_window %x image [4, 4, 2] kernel [2, 2] depthwise
  %y = dataflow.depthwise %c, %w bias %b -> !q.fixed<9, 1>
  func.return
}

// -----
// The result has a sum a window.
// CHECK: error: dataflow.depthwise makes !dataflow.stream<!q.fixed<9, 1>, lanes = 1, beats = 8>, not !dataflow.stream<!q.fixed<9, 1>, lanes = 1, beats = 4>
func.func private @type(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 32>) {
  %w = q.constant #q.dense<[[1, 2, 1, -2], [3, 0, 1, 1]] : tensor<2x4x!q.fixed<3, 1>>>
  %c = dataflow.sliding_window %x image [4, 4, 2] kernel [2, 2] strides [2, 2] depthwise
  %y = "dataflow.depthwise"(%c, %w) : (!dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 32>, tensor<2x4x!q.fixed<3, 1>>) -> !dataflow.stream<!q.fixed<9, 1>, lanes = 1, beats = 4>
  func.return
}
