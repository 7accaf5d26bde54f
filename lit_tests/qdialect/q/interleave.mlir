// RUN: qopt %s | filecheck %s

// Tensors in turns along several axes, channels over pixels; the type stays.
// CHECK-LABEL: func.func @grids
// CHECK: q.interleave %a, %b, %a, %b axes [2, 3] factors [2, 2] : {{.*}} -> tensor<1x4x4x5xf32> loc("Merge_1")
// CHECK: q.depth_to_space %{{.*}} axis 1 axes [2, 3] factors [2, 2] : tensor<1x4x4x5xf32> -> tensor<1x1x8x10xf32>
// CHECK: q.depth_to_space %a axis 1 axes [3] factors [4] : tensor<1x4x2x3xf32> -> tensor<1x1x2x12xf32>
func.func @grids(%a: tensor<1x4x2x3xf32>, %b: tensor<1x4x2x2xf32>) {
  %0 = q.interleave %a, %b, %a, %b axes [2, 3] factors [2, 2] : tensor<1x4x2x3xf32>, tensor<1x4x2x2xf32>, tensor<1x4x2x3xf32>, tensor<1x4x2x2xf32> -> tensor<1x4x4x5xf32> loc("Merge_1")
  %1 = q.depth_to_space %0 axis 1 axes [2, 3] factors [2, 2] : tensor<1x4x4x5xf32> -> tensor<1x1x8x10xf32>
  %2 = q.depth_to_space %a axis 1 axes [3] factors [4] : tensor<1x4x2x3xf32> -> tensor<1x1x2x12xf32>
  func.return
}
