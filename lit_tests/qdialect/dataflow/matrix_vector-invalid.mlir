// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// PE divides the rows.
// CHECK: error: dataflow.matrix_vector has PE 3, which does not divide the 2 rows of the weights
// CHECK-NEXT: at: {{.*}}matrix_vector-invalid.mlir:9:38
// CHECK: mend: choose one of 1, 2
func.func private @pe(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 3 simd 2 -> !q.fixed<4, 0>
  func.return
}

// -----

// SIMD divides the columns.
// CHECK: error: dataflow.matrix_vector has SIMD 3, which does not divide the 4 columns of the weights
// CHECK-NEXT: at: {{.*}}matrix_vector-invalid.mlir:21:38
// CHECK: mend: choose one of 1, 2, 4
func.func private @simd(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 3 -> !q.fixed<4, 0>
  func.return
}

// -----

// PE and SIMD are positive.
// CHECK: error: pe is at least 1, got 0
// CHECK-NEXT: at: {{.*}}matrix_vector-invalid.mlir:33:41
// CHECK: mend: correct the text at the caret
func.func private @zero(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 0 simd 1 -> !q.fixed<4, 0>
  func.return
}

// -----

// A frame is whole vectors.
// CHECK: error: dataflow.matrix_vector takes vectors of 4 elements (columns of the weights), but a frame of its input has 6
// CHECK-NEXT: at: {{.*}}matrix_vector-invalid.mlir:45:3
// CHECK-NEXT: mend: give the weights as many columns as a vector has elements
func.func private @frame(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 6>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<4, 0>
  func.return
}

// -----

// The result type holds every result that the types allow.
// CHECK: error: dataflow.matrix_vector can give codes from -6 to 6, but !q.fixed<3, 0> holds -4 to 3
// CHECK-NEXT: at: {{.*}}matrix_vector-invalid.mlir:57:3
// CHECK-NEXT: mend: write !q.fixed<4, 0>, or quantize the operands to shorter words
func.func private @accumulator(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<3, 0>
  func.return
}

// -----

// With a proof it holds what is proven.
// CHECK: error: dataflow.matrix_vector can give codes from -9 to 7, but !q.fixed<4, 0> holds -8 to 7
// CHECK-NEXT: at: {{.*}}matrix_vector-invalid.mlir:69:3
// CHECK-NEXT: mend: write !q.fixed<5, 0>, or quantize the operands to shorter words
func.func private @proof(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 range <-9, 7> -> !q.fixed<4, 0>
  func.return
}

// -----

// Fraction bits of input and weights add.
// CHECK: error: dataflow.matrix_vector gives 0 fraction bits, but !q.fixed<6, 1> has 1
// CHECK-NEXT: at: {{.*}}matrix_vector-invalid.mlir:81:3
// CHECK-NEXT: mend: write !q.fixed<4, 0>
func.func private @fraction(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<6, 1>
  func.return
}

// -----

// A bias counts.
// CHECK: error: dataflow.matrix_vector can give codes from -5 to 15, but !q.fixed<4, 0> holds -8 to 7
// CHECK-NEXT: at: {{.*}}matrix_vector-invalid.mlir:94:3
// CHECK-NEXT: mend: write !q.fixed<5, 0>, or quantize the operands to shorter words
func.func private @bias(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %b = q.constant #q.dense<[0, 9] : tensor<2x!q.fixed<5, 0>>>
  %a = dataflow.matrix_vector %x, %w bias %b pe 1 simd 1 -> !q.fixed<4, 0>
  func.return
}

// -----

// A bias has an element for each row.
// CHECK: error: dataflow.matrix_vector needs a bias of shape [2], got [3]
// CHECK-NEXT: at: {{.*}}matrix_vector-invalid.mlir:107:3
// CHECK-NEXT: mend: give one element for each row of the weights
func.func private @bias_shape(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %b = q.constant #q.dense<[0, 9, 1] : tensor<3x!q.fixed<5, 0>>>
  %a = dataflow.matrix_vector %x, %w bias %b pe 1 simd 1 -> !q.fixed<6, 0>
  func.return
}

// -----

// A bias has the fraction bits of the sums.
// CHECK: error: dataflow.matrix_vector needs a bias with 0 fraction bits (those of input and weights), got 2
// CHECK-NEXT: at: {{.*}}matrix_vector-invalid.mlir:120:3
// CHECK-NEXT: mend: scale the codes of the bias by 2^-2
func.func private @bias_fraction(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %b = q.constant #q.dense<[0, 9] : tensor<2x!q.fixed<5, 2>>>
  %a = dataflow.matrix_vector %x, %w bias %b pe 1 simd 1 -> !q.fixed<6, 0>
  func.return
}

// -----

// Weights are constant.
// CHECK: error: dataflow.matrix_vector needs constant weights
// CHECK-NEXT: at: {{.*}}matrix_vector-invalid.mlir:131:3
// CHECK-NEXT: mend: give it the result of a q.constant
func.func private @weights(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %w: tensor<2x4x!q.fixed<2, 0>>) {
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<6, 0>
  func.return
}

// -----

// Weights are a matrix.
// CHECK: error: weights are a tensor [rows, columns], not tensor<4x!q.fixed<2, 0>>
// CHECK-NEXT: at: {{.*}}matrix_vector-invalid.mlir:143:33
// CHECK: mend: correct the text at the caret
func.func private @vector(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %w = q.constant #q.dense<[1, -1, 0, 1] : tensor<4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<6, 0>
  func.return
}

// -----

// A unit takes a stream.
// CHECK: error: a unit takes a stream, not tensor<4x!q.fixed<2, 0>>
// CHECK-NEXT: at: {{.*}}matrix_vector-invalid.mlir:155:31
// CHECK: mend: correct the text at the caret
func.func private @tensor(%x: tensor<4x!q.fixed<2, 0>>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<6, 0>
  func.return
}

// -----

// Several pixels at once take all rows and columns.
// CHECK: error: dataflow.matrix_vector takes 2 pixels at once with PE 1 and SIMD 4
// CHECK: mend: write pe 2 simd 4, or one pixel
func.func private @pixels_folded(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 4, beats = 2>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 4 pixels 2 -> !q.fixed<6, 0>
  func.return
}

// -----

// A frame has whole beats of pixels.
// CHECK: error: dataflow.matrix_vector takes 2 of its 3 vectors at once
// CHECK: mend: choose pixels from 1, 3
func.func private @pixels(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 4, beats = 3>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 2 simd 4 pixels 2 -> !q.fixed<6, 0>
  func.return
}

// -----

// Regrouped sums are of one vector.
// CHECK: error: dataflow.matrix_vector takes 2 of its 2 vectors at once
// CHECK: mend: remove 'regrouped'
func.func private @pixels_regrouped(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 4, beats = 2>) {
  %w = q.constant #q.dense<[[1, -1, 0, 1], [0, 1, 1, -2]] : tensor<2x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 2 simd 4 pixels 2 regrouped -> !q.fixed<6, 0>
  func.return
}

// -----

// A bias by place has the pixels of a frame.
// CHECK: error: dataflow.matrix_vector has a bias for 2 x 2 pixels, but a frame has 6 vectors
// CHECK: mend: write the rows and columns of the image in runs of at least 1
func.func private @places(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 12>) {
  %w = q.constant #q.dense<[[1, -1]] : tensor<1x2x!q.bipolar>>
  %b = q.constant #q.dense<[[[1], [2]], [[0], [-1]]] : tensor<2x2x1x!q.fixed<3, 0>>>
  %a = dataflow.matrix_vector %x, %w bias %b rows [1, 1] columns [1, 1] pe 1 simd 1 -> !q.fixed<5, 0>
  func.return
}

// -----

// One bias for each run.
// CHECK: error: dataflow.matrix_vector needs a bias of shape [1, 2, 1], got [2, 2, 1]
func.func private @runs(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 8>) {
  %w = q.constant #q.dense<[[1, -1]] : tensor<1x2x!q.bipolar>>
  %b = q.constant #q.dense<[[[1], [2]], [[0], [-1]]] : tensor<2x2x1x!q.fixed<3, 0>>>
  %a = dataflow.matrix_vector %x, %w bias %b rows [2] columns [1, 1] pe 1 simd 1 -> !q.fixed<5, 0>
  func.return
}

// -----

// One vector at a time has a bias by place.
// CHECK: error: dataflow.matrix_vector takes 2 of its 4 vectors at once
// CHECK: mend: remove rows and columns of the bias
func.func private @places_pixels(%x: !dataflow.stream<!q.bipolar, lanes = 4, beats = 2>) {
  %w = q.constant #q.dense<[[1, -1]] : tensor<1x2x!q.bipolar>>
  %b = q.constant #q.dense<[[[1], [2]], [[0], [-1]]] : tensor<2x2x1x!q.fixed<3, 0>>>
  %a = dataflow.matrix_vector %x, %w bias %b rows [1, 1] columns [1, 1] pe 1 simd 2 pixels 2 -> !q.fixed<5, 0>
  func.return
}

// -----

// Regrouped sums have one bias.
// CHECK: error: dataflow.matrix_vector has rows and columns of a bias, but its sums are regrouped
// CHECK: mend: remove 'regrouped'
func.func private @places_regrouped(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 8>) {
  %w = q.constant #q.dense<[[1, -1]] : tensor<1x2x!q.bipolar>>
  %b = q.constant #q.dense<[[[1], [2]], [[0], [-1]]] : tensor<2x2x1x!q.fixed<3, 0>>>
  %a = dataflow.matrix_vector %x, %w bias %b rows [1, 1] columns [1, 1] pe 1 simd 2 regrouped -> !q.fixed<5, 0>
  func.return
}

// -----

// Without a bias there are no places.
// CHECK: error: dataflow.matrix_vector has rows and columns of a bias, but no bias
// CHECK: mend: give it a bias
func.func private @no_bias(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 8>) {
  %w = q.constant #q.dense<[[1, -1]] : tensor<1x2x!q.bipolar>>
  %a = "dataflow.matrix_vector"(%x, %w) <{pe = 1 : i64, simd = 1 : i64, bias_rows = array<i64: 2>, bias_columns = array<i64: 2>}> : (!dataflow.stream<!q.bipolar, lanes = 1, beats = 8>, tensor<1x2x!q.bipolar>) -> !dataflow.stream<!q.fixed<3, 0>, lanes = 1, beats = 4>
  func.return
}
