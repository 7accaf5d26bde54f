// RUN: qopt %s -p q-insert-forks --split-input-file | filecheck %s

// A stream that two units take, one of them twice: each use gets a copy, in the order of the uses.
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4> {
  %a = dataflow.add %x, %x -> !q.fixed<3, 0> loc("Add_0")
  %b = dataflow.add %x, %a -> !q.fixed<4, 0> loc("Add_1")
  %c = dataflow.add %a, %b -> !q.fixed<5, 0>
  func.return %c : !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>
}
// CHECK:      %[[X1:.*]], %[[X2:.*]], %[[X3:.*]] = dataflow.fork %x copies 3
// CHECK-NEXT: %a = dataflow.add %[[X1]], %[[X2]] -> !q.fixed<3, 0> loc("Add_0")
// CHECK-NEXT: %[[A1:.*]], %[[A2:.*]] = dataflow.fork %a copies 2 loc("Add_0")
// CHECK-NEXT: %b = dataflow.add %[[X3]], %[[A1]] -> !q.fixed<4, 0> loc("Add_1")
// CHECK-NEXT: %c = dataflow.add %[[A2]], %b

// -----
// One user needs no fork.
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4> {
  %f = dataflow.fifo %x depth 2
  func.return %f : !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>
}
// CHECK-NOT: dataflow.fork
