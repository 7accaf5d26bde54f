// RUN: qopt %s -p q-insert-fifos --split-input-file --verify-diagnostics | filecheck %s

// Lanes agree first.
// CHECK: error: dataflow.matrix_vector takes 1 lanes, its stream has 2
// CHECK-NEXT: at: node 'MatMul_0', {{.*}}insert_fifos-invalid.mlir:9:3
// CHECK-NEXT: mend: run q-insert-width-converters
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 2, beats = 2>) -> !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 4> {
  %w = q.constant #q.dense<1 : tensor<4x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<4, 0> loc("MatMul_0")
  func.return %a : !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 4>
}

// -----

// Streams come from q-convert-to-dataflow.
// CHECK: error: @hardware takes tensor<2x!q.fixed<3, 0>>, not a stream
// CHECK-NEXT: at: {{.*}}insert_fifos-invalid.mlir:19:1
// CHECK-NEXT: mend: run q-convert-to-dataflow
func.func private @hardware(%x: tensor<2x!q.fixed<3, 0>>) -> tensor<2x!q.fixed<3, 0>> {
  func.return %x : tensor<2x!q.fixed<3, 0>>
}

// -----

// A stream for two needs a fork.
// CHECK: error: the input of @hardware has 2 users, a stream has one
// CHECK-NEXT: at: {{.*}}insert_fifos-invalid.mlir:29:1
// CHECK-NEXT: mend: run q-insert-forks
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4> {
  %y = dataflow.fifo %x depth 2 loc("Quant_0")
  func.return %x : !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>
}

// -----

// An op of the typed level behind a unit.
// CHECK: error: dataflow.receive is not a hardware unit
// CHECK-NEXT: at: {{.*}}insert_fifos-invalid.mlir:41:3
// CHECK-NEXT: mend: run q-convert-to-dataflow
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> tensor<4x!q.fixed<2, 0>> {
  %y = dataflow.receive %x -> tensor<4x!q.fixed<2, 0>>
  func.return %y : tensor<4x!q.fixed<2, 0>>
}

// -----

// A unit whose result nobody takes.
// CHECK: error: a result of dataflow.fork has 0 users, a stream has one
// CHECK-NEXT: at: node 'Split_0', {{.*}}insert_fifos-invalid.mlir:52:3
// CHECK-NEXT: mend: remove what nobody takes
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4> {
  %y, %z = dataflow.fork %x copies 2 loc("Split_0")
  func.return %y : !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>
}

// -----

// A FIFO that is there keeps its depth, but has to be deep enough.
// CHECK: error: the hardware can stop for ever between dataflow.fork 's' and dataflow.add 'Add_0': one way is full (dataflow.fifo 'f' holds 2 of 2 beats) while the other still needs beats (dataflow.matrix_vector 'MatMul_0' took 3 and gave 0 beats)
// CHECK-NEXT: at: node 'Add_0', {{.*}}insert_fifos-invalid.mlir:67:3
// CHECK-NEXT: mend: deepen the FIFOs on the first way, or remove them and run q-insert-fifos
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4> {
  %w = q.constant #q.dense<1 : tensor<4x4x!q.fixed<2, 0>>>
  %s, %t = dataflow.fork %x copies 2
  %a = dataflow.matrix_vector %s, %w pe 1 simd 1 -> !q.fixed<4, 0> loc("MatMul_0")
  %f = dataflow.fifo %t depth 2
  %b = dataflow.add %f, %a -> !q.fixed<5, 0> loc("Add_0")
  func.return %b : !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>
}
