// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// An accumulator that can overflow is refused.
// CHECK: error: q.matmul can give codes from -5 to 5, but !q.fixed<3, 0> holds -4 to 3
// CHECK-NEXT: at: {{.*}}linear-invalid.mlir:9:3
// CHECK-NEXT: mend: write !q.fixed<4, 0>, or quantize the operands to shorter words
func.func @overflow(%x: tensor<1x3x!q.fixed<2, 0>>) {
  %w = q.constant #q.dense<[[1, -1], [0, 1], [-2, 1]] : tensor<3x2x!q.fixed<2, 0>>>
  %0 = q.matmul %x, %w : tensor<1x3x!q.fixed<2, 0>>, tensor<3x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<3, 0>>
  func.return
}

// -----

// Inner sizes agree.
// CHECK: error: q.matmul cannot multiply shapes [1, 3] and [4, 2]
func.func @inner(%x: tensor<1x3xf32>, %w: tensor<4x2xf32>) {
  %0 = q.matmul %x, %w : tensor<1x3xf32>, tensor<4x2xf32> -> tensor<1x2xf32>
  func.return
}

// -----

// The result has the product's shape.
// CHECK: error: q.matmul gives shape [1, 2], not [1, 3]
func.func @shape(%x: tensor<1x3xf32>, %w: tensor<3x2xf32>) {
  %0 = q.matmul %x, %w : tensor<1x3xf32>, tensor<3x2xf32> -> tensor<1x3xf32>
  func.return
}

// -----

// Integer products stay integer.
// CHECK: error: q.matmul of integer types gives an integer type, not f32
func.func @kind(%x: tensor<1x3x!q.fixed<2, 0>>, %w: tensor<3x2x!q.fixed<2, 0>>) {
  %0 = q.matmul %x, %w : tensor<1x3x!q.fixed<2, 0>>, tensor<3x2x!q.fixed<2, 0>> -> tensor<1x2xf32>
  func.return
}
