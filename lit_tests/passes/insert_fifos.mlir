// RUN: qopt %s -p q-insert-fifos --split-input-file | filecheck %s

// Two units of 16 cycles: the second takes a frame at once, so most of a frame waits; none before the first unit.
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<6, 0>, lanes = 1, beats = 4> {
  %w = q.constant #q.dense<1 : tensor<4x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<4, 0> loc("MatMul_0")
  %b = dataflow.matrix_vector %a, %w pe 1 simd 1 -> !q.fixed<6, 0> loc("MatMul_1")
  func.return %b : !dataflow.stream<!q.fixed<6, 0>, lanes = 1, beats = 4>
}
// CHECK:      %a = dataflow.matrix_vector %x, %w pe 1 simd 1
// CHECK-NEXT: %[[F:.*]] = dataflow.fifo %a depth 3 loc("MatMul_1")
// CHECK-NEXT: %b = dataflow.matrix_vector %[[F]], %w pe 1 simd 1

// -----
// A slow first unit needs no room behind it: the least depth, behind the converter.
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<6, 0>, lanes = 4, beats = 1> {
  %w = q.constant #q.dense<1 : tensor<4x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<4, 0>
  %c = dataflow.width_converter %a lanes 4
  %b = dataflow.matrix_vector %c, %w pe 4 simd 4 -> !q.fixed<6, 0>
  func.return %b : !dataflow.stream<!q.fixed<6, 0>, lanes = 4, beats = 1>
}
// CHECK:      %a = dataflow.matrix_vector
// CHECK-NEXT: %c = dataflow.width_converter %a lanes 4
// CHECK-NEXT: %[[F:.*]] = dataflow.fifo %c depth 2
// CHECK-NEXT: %b = dataflow.matrix_vector %[[F]]

// -----
// Behind a narrowing converter.
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 4, beats = 1>) -> !dataflow.stream<!q.fixed<6, 0>, lanes = 1, beats = 4> {
  %w = q.constant #q.dense<1 : tensor<4x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 4 simd 4 -> !q.fixed<4, 0>
  %c = dataflow.width_converter %a lanes 1
  %b = dataflow.matrix_vector %c, %w pe 1 simd 1 -> !q.fixed<6, 0>
  func.return %b : !dataflow.stream<!q.fixed<6, 0>, lanes = 1, beats = 4>
}
// CHECK:      %c = dataflow.width_converter %a lanes 1
// CHECK-NEXT: %[[F:.*]] = dataflow.fifo %c depth
// CHECK-NEXT: %b = dataflow.matrix_vector %[[F]]

// -----
// A FIFO that is there keeps its depth.
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<6, 0>, lanes = 1, beats = 4> {
  %w = q.constant #q.dense<1 : tensor<4x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<4, 0>
  %f = dataflow.fifo %a depth 7
  %b = dataflow.matrix_vector %f, %w pe 1 simd 1 -> !q.fixed<6, 0>
  func.return %b : !dataflow.stream<!q.fixed<6, 0>, lanes = 1, beats = 4>
}
// CHECK:      dataflow.fifo %a depth 7
// CHECK-NEXT: dataflow.matrix_vector %f

// -----
// Without a second matrix there is nothing to wait for.
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 2, beats = 2>) -> !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 1> {
  %i = dataflow.arg_max %x
  func.return %i : !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 1>
}
// CHECK-NOT: dataflow.fifo

// -----
// A join: the way round the matrix holds beats until the others come; the way through it needs no FIFO before the sum.
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4> {
  %w = q.constant #q.dense<1 : tensor<4x4x!q.fixed<2, 0>>>
  %s, %t = dataflow.fork %x copies 2
  %a = dataflow.matrix_vector %s, %w pe 1 simd 1 -> !q.fixed<4, 0>
  %b = dataflow.add %t, %a -> !q.fixed<5, 0>
  func.return %b : !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>
}
// CHECK:      dataflow.fork %x copies 2
// CHECK-NEXT: %[[S:.*]] = dataflow.fifo %s depth 2
// CHECK-NEXT: %a = dataflow.matrix_vector %[[S]]
// CHECK-NEXT: %[[T:.*]] = dataflow.fifo %t depth 4
// CHECK-NEXT: %b = dataflow.add %[[T]], %a

// -----
// A window that pauses while its rows are full gets a FIFO, for the unit before it has no cycle to lose.
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 112>) -> !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 240> {
  %w = q.constant #q.dense<1 : tensor<2x2x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<5, 0>
  %b = dataflow.sliding_window %a image [7, 8, 2] kernel [2, 2] strides [2, 2] pads [2, 2, 2, 2]
  func.return %b : !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 240>
}
// CHECK:      %a = dataflow.matrix_vector
// CHECK-NEXT: %[[F:.*]] = dataflow.fifo %a depth
// CHECK-NEXT: %b = dataflow.sliding_window %[[F]]

// -----
// One that keeps the pace gets none.
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 64>) -> !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 288> {
  %w = q.constant #q.dense<1 : tensor<2x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<5, 0>
  %b = dataflow.sliding_window %a image [4, 4, 2] kernel [3, 3] pads [1, 1, 1, 1]
  func.return %b : !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 288>
}
// CHECK:      %a = dataflow.matrix_vector
// CHECK-NEXT: %b = dataflow.sliding_window %a
