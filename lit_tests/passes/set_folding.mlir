// RUN: qopt %s -p q-set-folding --split-input-file | filecheck %s
// RUN: qopt %s -p 'q-set-folding{cycles=8}' --split-input-file | filecheck %s --check-prefix=CYCLES
// RUN: qopt %s -p 'q-set-folding{fps=100000000 clock=400000000}' --split-input-file | filecheck %s --check-prefix=FPS
// RUN: qopt %s -p 'q-set-folding{max-lut=400}' --split-input-file | filecheck %s --check-prefix=BUDGET

// A target gives each unit as many PE and SIMD as it needs, lanes of thresholds follow, the host sends what is taken.
func.func @main(%x: tensor<8x!q.fixed<2, 0>>) -> tensor<4x!q.fixed<2, 0>> {
  %0 = dataflow.send %x lanes 1
  %1 = func.call @hardware(%0) : (!dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 8>) -> !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>
  %2 = dataflow.receive %1 -> tensor<4x!q.fixed<2, 0>>
  func.return %2 : tensor<4x!q.fixed<2, 0>>
}
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 8>) -> !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4> {
  %w = q.constant #q.dense<1 : tensor<4x8x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<5, 0> loc("MatMul_0")
  %t = q.constant #q.dense<[[-3, 4]] : tensor<1x2x!q.fixed<5, 0>>>
  %y = dataflow.threshold %a, %t base -1 -> !q.fixed<2, 0> loc("Quant_1")
  func.return %y : !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>
}
// CHECK:       dataflow.matrix_vector %x, %w pe 4 simd 8 -> !q.fixed<5, 0> loc("MatMul_0")
// CYCLES:      %0 = dataflow.send %x lanes [[SIMD:.*]]
// CYCLES-NEXT: %1 = func.call @hardware(%0) : (!dataflow.stream<!q.fixed<2, 0>, lanes = [[SIMD]], beats = {{.*}}>) -> !dataflow.stream<!q.fixed<2, 0>, lanes = [[PE:.*]], beats = {{.*}}>
// CYCLES:      %a = dataflow.matrix_vector %x, %w pe [[PE]] simd [[SIMD]] -> !q.fixed<5, 0> loc("MatMul_0")
// CYCLES:      %y = dataflow.threshold %a, %t base -1 -> !q.fixed<2, 0> loc("Quant_1")
// CYCLES-NEXT: func.return %y : !dataflow.stream<!q.fixed<2, 0>, lanes = [[PE]]
// FPS:         dataflow.matrix_vector %x, %w pe {{[14]}} simd {{[28]}} -> !q.fixed<5, 0>
// BUDGET:      dataflow.matrix_vector %x, %w pe 4 simd 8

// -----
// Converters and FIFOs of an earlier folding go, FIFOs before or behind converters too; hand-set memories stay.
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 1> {
  %w = q.constant #q.dense<1 : tensor<4x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 memory block -> !q.fixed<4, 0>
  %f = dataflow.fifo %a depth 7
  %c = dataflow.width_converter %f lanes 4
  %i = dataflow.arg_max %c
  func.return %i : !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 1>
}
// CHECK:       %a = dataflow.matrix_vector %x, %w pe 4 simd 4 memory block -> !q.fixed<4, 0>
// CHECK-NEXT:  %i = dataflow.arg_max %a
// CYCLES:      dataflow.matrix_vector
// CYCLES-NEXT: dataflow.arg_max
// FPS:         dataflow.arg_max
// BUDGET:      dataflow.arg_max

// -----
// Around a join: the sum takes the lanes that the matrix makes, so that no converter is needed.
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4> {
  %w = q.constant #q.dense<1 : tensor<4x4x!q.fixed<2, 0>>>
  %s, %t = dataflow.fork %x copies 2
  %f = dataflow.fifo %t depth 9
  %a = dataflow.matrix_vector %s, %w pe 1 simd 1 -> !q.fixed<4, 0>
  %b = dataflow.add %f, %a -> !q.fixed<5, 0>
  func.return %b : !dataflow.stream<!q.fixed<5, 0>, lanes = 1, beats = 4>
}
// CHECK:       %s, %t = dataflow.fork %x copies 2
// CHECK-NEXT:  %a = dataflow.matrix_vector %s, %w pe [[PE:[0-9]+]] simd [[PE]] -> !q.fixed<4, 0>
// CHECK-NEXT:  %b = dataflow.add %t, %a -> !q.fixed<5, 0>
// CYCLES:      dataflow.fork
// FPS:         dataflow.fork
// BUDGET:      dataflow.fork

// -----
// Without block memories the weights are in look-up tables.
// RUN: qopt %s -p 'q-set-folding{cycles=4096 max-bram18=0}' --split-input-file | filecheck %s --check-prefix=NOBLOCKS
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 64>) -> !dataflow.stream<!q.fixed<8, 0>, lanes = 1, beats = 256> {
  %w = q.constant #q.dense<1 : tensor<256x64x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<8, 0>
  func.return %a : !dataflow.stream<!q.fixed<8, 0>, lanes = 1, beats = 256>
}
// NOBLOCKS: dataflow.matrix_vector %x, %w pe {{[0-9]+}} simd {{[0-9]+}} memory distributed -> !q.fixed<8, 0>
// CHECK: dataflow.matrix_vector
// CYCLES: dataflow.matrix_vector
// FPS: dataflow.matrix_vector
// BUDGET: dataflow.matrix_vector

// -----
// More than a pixel a cycle: whole windows of several pixels, and several at once through the matrix.
// RUN: qopt %s -p 'q-set-folding{cycles=4}' --split-input-file | filecheck %s --check-prefix=PIXELS
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 8>) -> !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16> {
  %w = q.constant #q.dense<1 : tensor<2x3x!q.fixed<2, 0>>>
  %a = dataflow.sliding_window %x image [1, 8, 1] kernel [1, 3] pads [0, 1, 0, 1]
  %b = dataflow.matrix_vector %a, %w pe 1 simd 1 -> !q.fixed<4, 0>
  func.return %b : !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>
}
// PIXELS:      dataflow.sliding_window %x image [1, 8, 1] kernel [1, 3] pads [0, 1, 0, 1] pixels 4
// PIXELS-NEXT: dataflow.matrix_vector %a, %w pe 2 simd 3 pixels {{[24]}} -> !q.fixed<4, 0>
// CHECK: dataflow.sliding_window
// CYCLES: dataflow.sliding_window
// FPS: dataflow.sliding_window
// BUDGET: dataflow.sliding_window
// NOBLOCKS: dataflow.sliding_window
