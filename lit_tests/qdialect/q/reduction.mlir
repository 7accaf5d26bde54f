// RUN: qopt %s | filecheck %s

// A sum is exact; the largest and the smallest element keep their type.
// CHECK-LABEL: func.func @reductions
// CHECK: q.reduce_sum %{{.*}} axes [2, 3] keep_dims : tensor<1x8x4x4x!q.fixed<4, 0>> -> tensor<1x8x1x1x!q.fixed<8, 0>> loc("ReduceSum_1")
// CHECK: q.reduce_sum %{{.*}} axes [1] range <0, 3> : {{.*}} -> tensor<1x4x4x!q.ufixed<2, 0>>
// CHECK: q.reduce_max %{{.*}} axes [0, 1, 2, 3] : {{.*}} -> tensor<!q.fixed<4, 0>>
// CHECK: q.reduce_min %{{.*}} axes [3] keep_dims : {{.*}} -> tensor<1x8x4x1x!q.fixed<4, 0>>
func.func @reductions(%x: tensor<1x8x4x4x!q.fixed<4, 0>>) {
  %0 = q.reduce_sum %x axes [2, 3] keep_dims : tensor<1x8x4x4x!q.fixed<4, 0>> -> tensor<1x8x1x1x!q.fixed<8, 0>> loc("ReduceSum_1")
  %1 = q.reduce_sum %x axes [1] range <0, 3> : tensor<1x8x4x4x!q.fixed<4, 0>> -> tensor<1x4x4x!q.ufixed<2, 0>>
  %2 = q.reduce_max %x axes [0, 1, 2, 3] : tensor<1x8x4x4x!q.fixed<4, 0>> -> tensor<!q.fixed<4, 0>>
  %3 = q.reduce_min %x axes [3] keep_dims : tensor<1x8x4x4x!q.fixed<4, 0>> -> tensor<1x8x4x1x!q.fixed<4, 0>>
  func.return
}
