// RUN: qopt %s | qopt - | filecheck %s

// Lanes are those of the windows; they are written there alone.
// CHECK: %a = dataflow.depthwise %v, %w -> !q.fixed<9, 1>
// CHECK-NEXT: %y = dataflow.depthwise %u, %w bias %b memory block range <-3, 3> -> !q.fixed<3, 1> {note = "by hand"}
// CHECK-NEXT: %z = dataflow.add %a, %y -> !q.fixed<10, 1>
// CHECK-NEXT: func.return %z : !dataflow.stream<!q.fixed<10, 1>, lanes = 2, beats = 6>
func.func private @depthwise(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 32>) -> !dataflow.stream<!q.fixed<10, 1>, lanes = 2, beats = 6> {
  %w = q.constant #q.dense<[[1, 2, 1, -2], [3, 0, 1, 1]] : tensor<2x4x!q.fixed<3, 1>>>
  %b = q.constant #q.dense<[4, -2] : tensor<2x!q.fixed<4, 1>>>
  %c = dataflow.sliding_window %x image [4, 4, 2] kernel [2, 2] strides [2, 1] depthwise lanes 2
  %v, %u = dataflow.fork %c copies 2
  %a = dataflow.depthwise %v, %w -> !q.fixed<9, 1>
  %y = dataflow.depthwise %u, %w bias %b memory block range <-3, 3> -> !q.fixed<3, 1> {note = "by hand"}
  %z = dataflow.add %a, %y -> !q.fixed<10, 1>
  func.return %z : !dataflow.stream<!q.fixed<10, 1>, lanes = 2, beats = 6>
}
