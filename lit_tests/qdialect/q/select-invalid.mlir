// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// The axis exists.
// CHECK: error: q.arg_max has axis 2, but its input has 2 axes
func.func @axis(%x: tensor<1x10xf32>) {
  %0 = q.arg_max %x axis 2 : tensor<1x10xf32> -> tensor<1x!q.ufixed<4, 0>>
  func.return
}

// -----

// The result type follows from the input.
// CHECK: error: q.arg_max gives tensor<1x!q.ufixed<4, 0>>, not tensor<1x!q.ufixed<3, 0>>
func.func @type(%x: tensor<1x10xf32>) {
  %0 = q.arg_max %x axis 1 : tensor<1x10xf32> -> tensor<1x!q.ufixed<3, 0>>
  func.return
}

// -----

// There are at least k elements.
// CHECK: error: q.top_k has k = 11, but axis 1 has 10 elements
func.func @many(%x: tensor<1x10xf32>) {
  %0, %1 = q.top_k %x k 11 axis 1 : tensor<1x10xf32> -> tensor<1x11xf32>, tensor<1x11x!q.ufixed<4, 0>>
  func.return
}

// -----

// The axis of the largest exists.
// CHECK: error: q.top_k has axis 3, but its input has 2 axes
func.func @axis(%x: tensor<1x10xf32>) {
  %0, %1 = q.top_k %x k 1 axis 3 : tensor<1x10xf32> -> tensor<1x1xf32>, tensor<1x1x!q.ufixed<4, 0>>
  func.return
}

// -----

// Both results have the type that follows from the input.
// CHECK: error: q.top_k gives tensor<1x3x!q.ufixed<4, 0>>, not tensor<1x3x!q.ufixed<5, 0>>
func.func @types(%x: tensor<1x10xf32>) {
  %0, %1 = q.top_k %x k 3 axis 1 : tensor<1x10xf32> -> tensor<1x3xf32>, tensor<1x3x!q.ufixed<5, 0>>
  func.return
}
