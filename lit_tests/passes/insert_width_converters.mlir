// RUN: qopt %s -p q-insert-width-converters --split-input-file | filecheck %s

// Lanes that differ get a converter; lanes that agree do not; the host sends what the first unit takes.
func.func @main(%x: tensor<4x!q.fixed<2, 0>>) -> tensor<2x!q.fixed<6, 0>> {
  %0 = dataflow.send %x lanes 1
  %1 = func.call @hardware(%0) : (!dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<6, 0>, lanes = 1, beats = 2>
  %2 = dataflow.receive %1 -> tensor<2x!q.fixed<6, 0>>
  func.return %2 : tensor<2x!q.fixed<6, 0>>
}
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<6, 0>, lanes = 1, beats = 2> {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %v = q.constant #q.dense<[[1, -1], [0, 1]] : tensor<2x2x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 2 -> !q.fixed<4, 0> loc("MatMul_0")
  %b = dataflow.matrix_vector %a, %v pe 2 simd 2 -> !q.fixed<5, 0> loc("MatMul_1")
  %t = q.constant #q.dense<[[1]] : tensor<1x1x!q.fixed<5, 0>>>
  %c = dataflow.threshold %b, %t base 0 lanes 1 -> !q.fixed<6, 0> loc("Quant_2")
  func.return %c : !dataflow.stream<!q.fixed<6, 0>, lanes = 1, beats = 2>
}
// CHECK:      func.func @main
// CHECK-NEXT: %0 = dataflow.send %x lanes 2
// CHECK-NEXT: %1 = func.call @hardware(%0) : (!dataflow.stream<!q.fixed<2, 0>, lanes = 2, beats = 2>)
// CHECK-NEXT: %2 = dataflow.receive %1
// CHECK:      %a = dataflow.matrix_vector %x, %w pe 1 simd 2 -> !q.fixed<4, 0>
// CHECK-NEXT: %[[C:.*]] = dataflow.width_converter %a lanes 2 loc("MatMul_1")
// CHECK-NEXT: %b = dataflow.matrix_vector %[[C]], %v pe 2 simd 2
// CHECK:      %[[D:.*]] = dataflow.width_converter %b lanes 1 loc("Quant_2")
// CHECK-NEXT: %c = dataflow.threshold %[[D]], %t base 0 -> !q.fixed<6, 0>

// -----
// Streams that fit stay.
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 2, beats = 2>) -> !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 1> {
  %f = dataflow.fifo %x depth 2
  %i = dataflow.arg_max %f
  func.return %i : !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 1>
}
// CHECK-NOT: dataflow.width_converter

// -----
// Each input of a join on its own.
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 2, beats = 4>) -> !dataflow.stream<!q.fixed<3, 0>, lanes = 4, beats = 2> {
  %s, %t = dataflow.fork %x copies 2
  %c = dataflow.width_converter %t lanes 4
  %b = dataflow.add %s, %c lanes 4 -> !q.fixed<3, 0>
  func.return %b : !dataflow.stream<!q.fixed<3, 0>, lanes = 4, beats = 2>
}
// CHECK:      dataflow.fork %x copies 2
// CHECK-NEXT: %c = dataflow.width_converter %t lanes 4
// CHECK-NEXT: %[[S:.*]] = dataflow.width_converter %s lanes 4
// CHECK-NEXT: dataflow.add %[[S]], %c
