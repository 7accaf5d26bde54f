// RUN: qopt %s --split-input-file | qopt - --split-input-file | filecheck %s

// Forks and joins name only what does not follow from their inputs; quanta of operands may differ.
// CHECK-LABEL: func.func private @graph
// CHECK-NEXT: %a, %b, %c = dataflow.fork %x copies 3
// CHECK-NEXT: %d = dataflow.add %a, %y -> !q.fixed<7, 2>
// CHECK-NEXT: %e = dataflow.add %b, %d lanes 2 range <-20, 20> -> !q.fixed<6, 2>
// CHECK-NEXT: %f = dataflow.concat %c, %e, %z channels [2, 2, 4] lanes 1 -> !q.fixed<6, 2>
// CHECK-NEXT: func.return %f : !dataflow.stream<!q.fixed<6, 2>, lanes = 1, beats = 48>
func.func private @graph(%x: !dataflow.stream<!q.fixed<5, 2>, lanes = 4, beats = 3>, %y: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 12>, %z: !dataflow.stream<!q.bipolar, lanes = 1, beats = 24>) -> !dataflow.stream<!q.fixed<6, 2>, lanes = 1, beats = 48> {
  %a, %b, %c = dataflow.fork %x copies 3
  %d = dataflow.add %a, %y -> !q.fixed<7, 2>
  %e = dataflow.add %b, %d lanes 2 range <-20, 20> -> !q.fixed<6, 2>
  %f = dataflow.concat %c, %e, %z channels [2, 2, 4] lanes 1 -> !q.fixed<6, 2>
  func.return %f : !dataflow.stream<!q.fixed<6, 2>, lanes = 1, beats = 48>
}

// -----
// Streams of one bit stay so.
// CHECK: dataflow.concat %x, %y channels [1, 3] -> !q.bipolar {note = "by hand"}
func.func private @bipolar(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 2>, %y: !dataflow.stream<!q.bipolar, lanes = 1, beats = 6>) -> !dataflow.stream<!q.bipolar, lanes = 1, beats = 8> {
  %0 = dataflow.concat %x, %y channels [1, 3] -> !q.bipolar {note = "by hand"}
  func.return %0 : !dataflow.stream<!q.bipolar, lanes = 1, beats = 8>
}
