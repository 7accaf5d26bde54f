// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// The axes exist, each once, in order.
// CHECK: error: q.reduce_sum needs different axes of its 2, in order, got [1, 0]
// CHECK-NEXT: at: node 'ReduceSum_1', {{.*}}reduction-invalid.mlir:7:3
func.func @axes(%x: tensor<2x3xf32>) {
  %0 = q.reduce_sum %x axes [1, 0] : tensor<2x3xf32> -> tensor<f32> loc("ReduceSum_1")
  func.return
}

// -----

// The type of a sum holds every sum.
// CHECK: error: q.reduce_sum can give codes from 0 to 45, but !q.ufixed<5, 0> holds 0 to 31
func.func @sum(%x: tensor<3x!q.ufixed<4, 0>>) {
  %0 = q.reduce_sum %x axes [0] : tensor<3x!q.ufixed<4, 0>> -> tensor<!q.ufixed<5, 0>>
  func.return
}

// -----

// The element type of an extreme stays.
// CHECK: error: q.reduce_max gives tensor<!q.ufixed<4, 0>>, not tensor<!q.ufixed<5, 0>>
func.func @type(%x: tensor<3x!q.ufixed<4, 0>>) {
  %0 = q.reduce_max %x axes [0] : tensor<3x!q.ufixed<4, 0>> -> tensor<!q.ufixed<5, 0>>
  func.return
}
