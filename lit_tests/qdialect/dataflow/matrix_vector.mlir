// RUN: qopt %s --split-input-file | qopt - --split-input-file | filecheck %s

// PE and SIMD fold; the type of the result stream follows from them.
// CHECK-LABEL: func.func private @folded
// CHECK: %a = dataflow.matrix_vector %x, %w pe 2 simd 4 -> !q.fixed<4, 0>
// CHECK-NEXT: func.return %a : !dataflow.stream<!q.fixed<4, 0>, lanes = 2, beats = 1>
func.func private @folded(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 4, beats = 1>) -> !dataflow.stream<!q.fixed<4, 0>, lanes = 2, beats = 1> {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 2 simd 4 -> !q.fixed<4, 0>
  func.return %a : !dataflow.stream<!q.fixed<4, 0>, lanes = 2, beats = 1>
}

// -----

// Bias, memory, a proof that allows a shorter accumulator, the name of the ONNX node.
// CHECK-LABEL: func.func private @options
// CHECK: dataflow.matrix_vector %x, %w bias %b pe 1 simd 2 memory block range <-4, 3> -> !q.fixed<3, 2> loc("MatMul_3")
func.func private @options(%x: !dataflow.stream<!q.ufixed<2, 1>, lanes = 2, beats = 2>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 1>>>
  %b = q.constant #q.dense<[1, 2] : tensor<2x!q.fixed<3, 2>>>
  %a = dataflow.matrix_vector %x, %w bias %b pe 1 simd 2 memory block range <-4, 3> -> !q.fixed<3, 2> loc("MatMul_3")
  func.return
}

// -----

// Three vectors in a frame, bipolar by bipolar; lanes that a converter will have to match.
// CHECK-LABEL: func.func private @vectors
// CHECK: dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<3, 0>
// CHECK-NEXT: func.return {{.*}} : !dataflow.stream<!q.fixed<3, 0>, lanes = 1, beats = 3>
func.func private @vectors(%x: !dataflow.stream<!q.bipolar, lanes = 3, beats = 2>) -> !dataflow.stream<!q.fixed<3, 0>, lanes = 1, beats = 3> {
  %w = q.constant #q.dense<[[1, -1]] : tensor<1x2x!q.bipolar>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<3, 0>
  func.return %a : !dataflow.stream<!q.fixed<3, 0>, lanes = 1, beats = 3>
}

// -----

// Two of the vectors at once: both in a beat, and both results.
// CHECK-LABEL: func.func private @pixels
// CHECK: dataflow.matrix_vector %x, %w pe 2 simd 2 pixels 2 -> !q.fixed<5, 0>
// CHECK-NEXT: func.return {{.*}} : !dataflow.stream<!q.fixed<5, 0>, lanes = 4, beats = 2>
func.func private @pixels(%x: !dataflow.stream<!q.fixed<3, 0>, lanes = 4, beats = 2>) -> !dataflow.stream<!q.fixed<5, 0>, lanes = 4, beats = 2> {
  %w = q.constant #q.dense<[[1, -1], [0, 1]] : tensor<2x2x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 2 simd 2 pixels 2 -> !q.fixed<5, 0>
  func.return %a : !dataflow.stream<!q.fixed<5, 0>, lanes = 4, beats = 2>
}

// -----

// A bias by place: of the first row and the two others, of the first column and the other one.
// CHECK-LABEL: func.func private @places
// CHECK: dataflow.matrix_vector %x, %w bias %b rows [1, 2] columns [1, 1] pe 1 simd 1 -> !q.fixed<5, 0>
func.func private @places(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 12>) {
  %w = q.constant #q.dense<[[1, -1]] : tensor<1x2x!q.bipolar>>
  %b = q.constant #q.dense<[[[1], [2]], [[0], [-1]]] : tensor<2x2x1x!q.fixed<3, 0>>>
  %a = dataflow.matrix_vector %x, %w bias %b rows [1, 2] columns [1, 1] pe 1 simd 1 -> !q.fixed<5, 0>
  func.return
}
