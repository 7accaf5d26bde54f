// RUN: qopt %s -p 'q-share-weights{k=2}' --split-input-file | filecheck %s
// RUN: qopt %s -p 'q-share-weights{k=2 granularity=channel}' --split-input-file | filecheck %s --check-prefix=CHANNEL
// RUN: qopt %s -p 'q-share-weights{k=1 format="fixed<3, -1>"}' --split-input-file | filecheck %s --check-prefix=GRID
// RUN: qopt %s -p 'q-share-weights{k=2 granularity=network}' --split-input-file | filecheck %s --check-prefix=NETWORK
// RUN: qopt %s -p 'q-share-weights{k=2 layers=matmul}' --split-input-file | filecheck %s
// RUN: qopt %s -p 'q-share-weights{k=2},q-share-weights{k=2}' --split-input-file | filecheck %s

// Four weights share two values, and the sums take the type that follows from these; on a coarse grid one value is a
// multiple of two.
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x2x!q.fixed<4, 0>> {
  %w = q.constant #q.dense<[[7, -3], [-5, 7]] : tensor<2x2x!q.fixed<4, 0>>>
  %y = q.matmul %x, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x2x!q.fixed<4, 0>> -> tensor<1x2x!q.fixed<8, 0>>
  %z = q.quantize %y half_even saturate : tensor<1x2x!q.fixed<8, 0>> -> tensor<1x2x!q.fixed<4, 0>>
  func.return %z : tensor<1x2x!q.fixed<4, 0>>
}
// CHECK:        #q.dense<[[1, 0], [0, 1]] codebook [-4, 7] : tensor<2x2x!q.shared<2, !q.fixed<4, 0>>>>
// CHECK-NEXT:   tensor<2x2x!q.shared<2, !q.fixed<4, 0>>> -> tensor<1x2x!q.fixed<8, 0>>
// GRID:         codebook [2] : tensor<2x2x!q.shared<1, !q.fixed<4, 0>>>>
// GRID-NEXT:    -> tensor<1x2x!q.fixed<6, 0>>

// -----
// With a codebook for each output channel they keep their values.
func.func @main(%x: tensor<1x3x!q.fixed<4, 0>>) -> tensor<1x2x!q.fixed<9, 0>> {
  %w = q.constant #q.dense<[[7, -3], [-5, 7], [7, 7]] : tensor<3x2x!q.fixed<4, 0>>>
  %y = q.matmul %x, %w : tensor<1x3x!q.fixed<4, 0>>, tensor<3x2x!q.fixed<4, 0>> -> tensor<1x2x!q.fixed<9, 0>>
  func.return %y : tensor<1x2x!q.fixed<9, 0>>
}
// CHANNEL:      #q.dense<[[1, 0], [0, 1], [1, 1]] codebook {{\[\[\[-5, 7\], \[-3, 7\]\]\]}} : tensor<3x2x!q.shared<2

// -----
// Weights behind a scale are found; a constant that is added is none.
func.func @main(%x: tensor<1x3x!q.fixed<4, 0>>) -> tensor<1x1x!q.real> {
  %w = q.constant #q.dense<[[3], [2], [-4]] : tensor<3x1x!q.fixed<4, 0>>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %b = q.constant #q.dense<[[1]] : tensor<1x1x!q.fixed<4, 0>>>
  %r = q.mul %w, %s : tensor<3x1x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<3x1x!q.real>
  %y = q.matmul %x, %r : tensor<1x3x!q.fixed<4, 0>>, tensor<3x1x!q.real> -> tensor<1x1x!q.real>
  %z = q.add %y, %b : tensor<1x1x!q.real>, tensor<1x1x!q.fixed<4, 0>> -> tensor<1x1x!q.real>
  func.return %z : tensor<1x1x!q.real>
}
// CHECK:        #q.dense<{{\[\[1\], \[1\], \[0\]\]}} codebook [-4, 2] : tensor<3x1x!q.shared<2, !q.fixed<4, 0>>>>
// CHECK:        #q.dense<{{\[\[1\]\]}} : tensor<1x1x!q.fixed<4, 0>>>

// -----
// Weights of float32 stay float32.
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x1xf32> {
  %w = q.constant #q.dense<[[0.5], [0.75], [-1.0], [-1.0]] : tensor<4x1xf32>>
  %y = q.matmul %x, %w : tensor<1x4xf32>, tensor<4x1xf32> -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
// CHECK:        #q.dense<{{\[\[0.625\], \[0.625\], \[-1.0\], \[-1.0\]\]}} : tensor<4x1xf32>>

// -----
// Bipolar weights have nothing to share.
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x1x!q.fixed<5, 0>> {
  %w = q.constant #q.dense<[[1], [-1]] : tensor<2x1x!q.bipolar>>
  %y = q.matmul %x, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x1x!q.bipolar> -> tensor<1x1x!q.fixed<5, 0>>
  func.return %y : tensor<1x1x!q.fixed<5, 0>>
}
// CHECK:        #q.dense<{{\[\[1\], \[-1\]\]}} : tensor<2x1x!q.bipolar>>

// -----
// One codebook of the network has the narrowest type that holds the weights of all layers.
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x1x!q.fixed<15, 0>> {
  %w = q.constant #q.dense<[[7, -3], [-5, 7]] : tensor<2x2x!q.fixed<4, 0>>>
  %v = q.constant #q.dense<[[8], [-17]] : tensor<2x1x!q.fixed<6, 0>>>
  %y = q.matmul %x, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x2x!q.fixed<4, 0>> -> tensor<1x2x!q.fixed<8, 0>>
  %z = q.matmul %y, %v : tensor<1x2x!q.fixed<8, 0>>, tensor<2x1x!q.fixed<6, 0>> -> tensor<1x1x!q.fixed<15, 0>>
  func.return %z : tensor<1x1x!q.fixed<15, 0>>
}
// NETWORK:      #q.dense<[[1, 0], [0, 1]] codebook [-8, 7] : tensor<2x2x!q.shared<2, !q.fixed<6, 0>>>>
// NETWORK:      #q.dense<{{\[\[1\], \[0\]\]}} codebook [-8, 7] : tensor<2x1x!q.shared<2, !q.fixed<6, 0>>>>
