// RUN: qopt %s --split-input-file | qopt - --split-input-file | filecheck %s

// One row for all channels, rows of two channels with a falling one, a bipolar result, other lanes than the input.
// CHECK-LABEL: func.func private @threshold
// CHECK: dataflow.threshold %x, %t base -1 -> !q.fixed<2, 0>
// CHECK: dataflow.threshold %x, %u descending %d base 0 -> !q.ufixed<2, 0>
// CHECK: dataflow.threshold %x, %s base -1 lanes 4 -> !q.bipolar loc("Sign_2")
func.func private @threshold(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 2, beats = 2>) {
  %t = q.constant #q.dense<[[-3, 5]] : tensor<1x2x!q.fixed<5, 0>>>
  %0 = dataflow.threshold %x, %t base -1 -> !q.fixed<2, 0>
  %u = q.constant #q.dense<[[-3, 5, 5], [0, 1, 128]] : tensor<2x3x!q.fixed<9, 0>>>
  %d = q.constant #q.dense<[0, 1] : tensor<2x!q.ufixed<1, 0>>>
  %1 = dataflow.threshold %x, %u descending %d base 0 lanes 2 -> !q.ufixed<2, 0>
  %s = q.constant #q.dense<[[0]] : tensor<1x1x!q.fixed<5, 0>>>
  %2 = dataflow.threshold %x, %s base -1 lanes 4 -> !q.bipolar loc("Sign_2")
  func.return
}
