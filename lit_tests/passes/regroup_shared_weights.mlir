// RUN: qopt %s -p q-regroup-shared-weights --split-input-file | filecheck %s
// RUN: qopt %s -p q-regroup-shared-weights,q-regroup-shared-weights --split-input-file | filecheck %s

// Eight products of 8 bits a cycle become two sums; a unit that multiplies once a cycle stays as it is.
func.func @main(%x: tensor<8x!q.fixed<8, 0>>) -> tensor<2x!q.fixed<18, 0>> {
  %0 = dataflow.send %x lanes 8
  %1 = func.call @hardware(%0) : (!dataflow.stream<!q.fixed<8, 0>, lanes = 8, beats = 1>) -> !dataflow.stream<!q.fixed<18, 0>, lanes = 1, beats = 2>
  %2 = dataflow.receive %1 -> tensor<2x!q.fixed<18, 0>>
  func.return %2 : tensor<2x!q.fixed<18, 0>>
}
func.func private @hardware(%x: !dataflow.stream<!q.fixed<8, 0>, lanes = 8, beats = 1>) -> !dataflow.stream<!q.fixed<18, 0>, lanes = 1, beats = 2> {
  %w = q.constant #q.dense<[[0, 1, 2, 1, 1, 2, 0, 0], [2, 2, 1, 0, 1, 2, 1, 0]] codebook [-77, 0, 103] : tensor<2x8x!q.shared<3, !q.fixed<8, 0>>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 8 -> !q.fixed<18, 0>
  func.return %a : !dataflow.stream<!q.fixed<18, 0>, lanes = 1, beats = 2>
}
// CHECK:       codebook [-77, 0, 103]
// CHECK-NEXT:  dataflow.matrix_vector %x, %w pe 1 simd 8 regrouped -> !q.fixed<18, 0>

// -----
// Inputs of one bit are not multiplied at all; weights that share nothing are multiplied.
func.func @main(%x: tensor<4x!q.bipolar>) -> tensor<2x!q.fixed<18, 0>> {
  %0 = dataflow.send %x lanes 1
  %1 = func.call @hardware(%0) : (!dataflow.stream<!q.bipolar, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<18, 0>, lanes = 1, beats = 2>
  %2 = dataflow.receive %1 -> tensor<2x!q.fixed<18, 0>>
  func.return %2 : tensor<2x!q.fixed<18, 0>>
}
func.func private @hardware(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<18, 0>, lanes = 1, beats = 2> {
  %w = q.constant #q.dense<[[0, 1, 1, 1], [0, 0, 1, 0]] codebook [-7, 10] : tensor<2x4x!q.shared<2, !q.fixed<8, 0>>>>
  %v = q.constant #q.dense<[[0, 1], [1, 1]] : tensor<2x2x!q.fixed<8, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<10, 0>
  %b = dataflow.matrix_vector %a, %v pe 1 simd 2 -> !q.fixed<18, 0>
  func.return %b : !dataflow.stream<!q.fixed<18, 0>, lanes = 1, beats = 2>
}
// CHECK-NOT:   regrouped
