// RUN: qopt %s | qopt - | filecheck %s

// The element type of the result is that of the entries.
// CHECK: %a = dataflow.table %x, %t{{$}}
// CHECK-NEXT: %b = dataflow.table %a, %u lanes 2 memory block {note = "by hand"}
// CHECK-NEXT: func.return %b : !dataflow.stream<!q.bipolar, lanes = 2, beats = 3>
func.func private @table(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 6>) -> !dataflow.stream<!q.bipolar, lanes = 2, beats = 3> {
  %t = q.constant #q.dense<[[0, 1, -1, -2], [1, 1, 1, 0], [0, 0, 1, 1]] : tensor<3x4x!q.fixed<2, 1>>>
  %u = q.constant #q.dense<[[-1, 1, 1, -1]] : tensor<1x4x!q.bipolar>>
  %a = dataflow.table %x, %t lanes 1
  %b = dataflow.table %a, %u lanes 2 memory block {note = "by hand"}
  func.return %b : !dataflow.stream<!q.bipolar, lanes = 2, beats = 3>
}
