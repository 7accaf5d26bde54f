// RUN: qopt %s | filecheck %s

// The largest element keeps its type; a sum is exact.
// CHECK-LABEL: func.func @pools
// CHECK: q.max_pool %{{.*}} kernel [2, 3] strides [2, 1] pads [0, 1, 0, 1] dilations [1, 1] : tensor<1x3x4x6x!q.bipolar> -> tensor<1x3x2x6x!q.bipolar> loc("MaxPool_2")
// CHECK: q.sum_pool %{{.*}} kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] : tensor<1x3x4x6x!q.ufixed<4, 1>> -> tensor<1x3x2x3x!q.ufixed<6, 1>>
// CHECK: q.sum_pool %{{.*}} kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] range <0, 7> : {{.*}} -> tensor<1x3x2x3x!q.ufixed<3, 1>>
// CHECK: q.sum_pool %{{.*}} kernel [3] strides [1] pads [1, 1] dilations [1] : tensor<1x1x2x!q.fixed<2, 0>> -> tensor<1x1x2x!q.fixed<3, 0>>
func.func @pools(%x: tensor<1x3x4x6x!q.bipolar>, %y: tensor<1x3x4x6x!q.ufixed<4, 1>>, %z: tensor<1x1x2x!q.fixed<2, 0>>) {
  %0 = q.max_pool %x kernel [2, 3] strides [2, 1] pads [0, 1, 0, 1] dilations [1, 1] : tensor<1x3x4x6x!q.bipolar> -> tensor<1x3x2x6x!q.bipolar> loc("MaxPool_2")
  %1 = q.sum_pool %y kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] : tensor<1x3x4x6x!q.ufixed<4, 1>> -> tensor<1x3x2x3x!q.ufixed<6, 1>>
  %2 = q.sum_pool %y kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] range <0, 7> : tensor<1x3x4x6x!q.ufixed<4, 1>> -> tensor<1x3x2x3x!q.ufixed<3, 1>>
  %3 = q.sum_pool %z kernel [3] strides [1] pads [1, 1] dilations [1] : tensor<1x1x2x!q.fixed<2, 0>> -> tensor<1x1x2x!q.fixed<3, 0>>
  func.return
}
