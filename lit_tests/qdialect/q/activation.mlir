// RUN: qopt %s | filecheck %s

// Batch normalisation in float32 and exact.
// CHECK-LABEL: func.func @activation
// CHECK: q.batch_norm %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} axis 1 epsilon 1.000000e-05 : f32 : tensor<1x2xf32>, {{.*}} -> tensor<1x2xf32>
// CHECK: q.batch_norm {{.*}} -> tensor<1x2x!q.real>
func.func @activation(%x: tensor<1x2xf32>, %y: tensor<1x2x!q.fixed<8, 0>>, %c: tensor<2xf32>) {
  %0 = q.batch_norm %x, %c, %c, %c, %c axis 1 epsilon 9.99999974e-06 : f32 : tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<1x2xf32>
  %1 = q.batch_norm %y, %c, %c, %c, %c axis 1 epsilon 1.0e-03 : f32 : tensor<1x2x!q.fixed<8, 0>>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<1x2x!q.real>
  func.return
}
