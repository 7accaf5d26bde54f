// RUN: qopt %s --split-input-file | qopt - --split-input-file | filecheck %s

// Pools of depthwise windows follow the lanes of the windows, also through FIFOs and forks.
// CHECK-LABEL: func.func private @windows
// CHECK: %c = dataflow.max_pool %b taps 4
// CHECK-NEXT: %d = dataflow.sum_pool %e taps 4 -> !q.fixed<6, 0>
// CHECK-NEXT: %f = dataflow.add %c, %d -> !q.fixed<7, 0>
// CHECK-NEXT: func.return %f : !dataflow.stream<!q.fixed<7, 0>, lanes = 2, beats = 8>
func.func private @windows(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 2, beats = 32>) -> !dataflow.stream<!q.fixed<7, 0>, lanes = 2, beats = 8> {
  %w = dataflow.sliding_window %x image [4, 4, 4] kernel [2, 2] strides [2, 2] depthwise
  %a = dataflow.fifo %w depth 2
  %b, %e = dataflow.fork %a copies 2
  %c = dataflow.max_pool %b taps 4
  %d = dataflow.sum_pool %e taps 4 -> !q.fixed<6, 0>
  %f = dataflow.add %c, %d -> !q.fixed<7, 0>
  func.return %f : !dataflow.stream<!q.fixed<7, 0>, lanes = 2, beats = 8>
}

// -----
// A pool of whole images keeps all channels, and has lanes of its own.
// CHECK: %a = dataflow.max_pool %x taps 4 channels 4{{$}}
// CHECK-NEXT: dataflow.sum_pool %a taps 2 channels 4 lanes 1 range <-3, 3> -> !q.fixed<3, 1> {note = "by hand"}
func.func private @images(%x: !dataflow.stream<!q.fixed<4, 1>, lanes = 2, beats = 16>) -> !dataflow.stream<!q.fixed<3, 1>, lanes = 1, beats = 4> {
  %a = dataflow.max_pool %x taps 4 channels 4 lanes 2
  %0 = dataflow.sum_pool %a taps 2 channels 4 lanes 1 range <-3, 3> -> !q.fixed<3, 1> {note = "by hand"}
  func.return %0 : !dataflow.stream<!q.fixed<3, 1>, lanes = 1, beats = 4>
}
