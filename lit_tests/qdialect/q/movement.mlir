// RUN: qopt %s | filecheck %s

// Parts, picks, joins and borders keep the type.
// CHECK-LABEL: func.func @movement
// CHECK: q.slice %{{.*}} starts [0, 1, 2] sizes [1, 1, 2] steps [1, 1, -2] : tensor<1x2x3xf32> -> tensor<1x1x2xf32> loc("Slice_1")
// CHECK: q.gather %{{.*}} indices [2, 0, 2, 1] axis 2 : tensor<1x2x3xf32> -> tensor<1x2x4xf32>
// CHECK: q.concat %{{.*}}, %{{.*}} axis 2 : tensor<1x2x3xf32>, tensor<1x2x3xf32> -> tensor<1x2x6xf32>
// CHECK: q.pad %{{.*}}, %{{.*}} low [0, 0, 1] high [0, 0, 2] : tensor<1x2x3xf32>, tensor<f32> -> tensor<1x2x6xf32>
// CHECK: q.expand %{{.*}} : tensor<f32> -> tensor<2x3xf32>
func.func @movement(%x: tensor<1x2x3xf32>, %v: tensor<f32>) {
  %0 = q.slice %x starts [0, 1, 2] sizes [1, 1, 2] steps [1, 1, -2] : tensor<1x2x3xf32> -> tensor<1x1x2xf32> loc("Slice_1")
  %1 = q.gather %x indices [2, 0, 2, 1] axis 2 : tensor<1x2x3xf32> -> tensor<1x2x4xf32>
  %2 = q.concat %x, %x axis 2 : tensor<1x2x3xf32>, tensor<1x2x3xf32> -> tensor<1x2x6xf32>
  %3 = q.pad %x, %v low [0, 0, 1] high [0, 0, 2] : tensor<1x2x3xf32>, tensor<f32> -> tensor<1x2x6xf32>
  %4 = q.expand %v : tensor<f32> -> tensor<2x3xf32>
  func.return
}

// Different types are joined in the narrowest that holds them all.
// CHECK-LABEL: func.func @common
// CHECK: q.concat {{.*}} -> tensor<5x!q.fixed<6, 2>>
// CHECK: q.pad {{.*}} -> tensor<4x!q.fixed<5, 0>>
func.func @common(%a: tensor<2x!q.ufixed<4, 1>>, %b: tensor<3x!q.fixed<4, 2>>, %x: tensor<3x!q.ufixed<4, 0>>) {
  %0 = q.concat %a, %b axis 0 : tensor<2x!q.ufixed<4, 1>>, tensor<3x!q.fixed<4, 2>> -> tensor<5x!q.fixed<6, 2>>
  %minus = q.constant #q.dense<-1 : tensor<!q.fixed<8, 0>>>
  %1 = q.pad %x, %minus low [1] high [0] : tensor<3x!q.ufixed<4, 0>>, tensor<!q.fixed<8, 0>> -> tensor<4x!q.fixed<5, 0>>
  func.return
}
