// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// No element is lost.
// CHECK: error: q.reshape cannot turn 6 elements of [1, 2, 3] into [1, 5]
// CHECK-NEXT: at: node 'Reshape_5', {{.*}}shape-invalid.mlir:7:3
func.func @elements(%x: tensor<1x2x3xf32>) {
  %0 = q.reshape %x : tensor<1x2x3xf32> -> tensor<1x5xf32> loc("Reshape_5")
  func.return
}

// -----

// The element type stays.
// CHECK: error: q.reshape gives the element type f32, not !q.real
func.func @type(%x: tensor<6xf32>) {
  %0 = q.reshape %x : tensor<6xf32> -> tensor<6x!q.real>
  func.return
}

// -----

// Every axis occurs once.
// CHECK: error: q.transpose needs a permutation of the axes 0 to 1, got [0, 0]
func.func @axes(%x: tensor<2x3xf32>) {
  %0 = q.transpose %x perm [0, 0] : tensor<2x3xf32> -> tensor<2x2xf32>
  func.return
}

// -----

// The result has the permuted shape.
// CHECK: error: q.transpose gives shape [3, 2], not [2, 3]
func.func @permuted(%x: tensor<2x3xf32>) {
  %0 = q.transpose %x perm [1, 0] : tensor<2x3xf32> -> tensor<2x3xf32>
  func.return
}
