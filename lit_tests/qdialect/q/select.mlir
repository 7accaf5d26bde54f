// RUN: qopt %s | filecheck %s

// Indices are as wide as the axis is long.
// CHECK-LABEL: func.func @select
// CHECK: q.arg_max %{{.*}} axis 1 : tensor<1x10xf32> -> tensor<1x!q.ufixed<4, 0>>
// CHECK: q.arg_max %{{.*}} axis 1 keep_dims : tensor<1x10xf32> -> tensor<1x1x!q.ufixed<4, 0>>
// CHECK: q.top_k %{{.*}} k 3 axis 1 : tensor<1x10xf32> -> tensor<1x3xf32>, tensor<1x3x!q.ufixed<4, 0>>
// CHECK: q.top_k %{{.*}} k 1 axis 1 smallest : tensor<1x10xf32> -> tensor<1x1xf32>, tensor<1x1x!q.ufixed<4, 0>>
func.func @select(%x: tensor<1x10xf32>) {
  %0 = q.arg_max %x axis 1 : tensor<1x10xf32> -> tensor<1x!q.ufixed<4, 0>>
  %1 = q.arg_max %x axis 1 keep_dims : tensor<1x10xf32> -> tensor<1x1x!q.ufixed<4, 0>>
  %2, %3 = q.top_k %x k 3 axis 1 : tensor<1x10xf32> -> tensor<1x3xf32>, tensor<1x3x!q.ufixed<4, 0>>
  %4, %5 = q.top_k %x k 1 axis 1 smallest : tensor<1x10xf32> -> tensor<1x1xf32>, tensor<1x1x!q.ufixed<4, 0>>
  func.return
}
