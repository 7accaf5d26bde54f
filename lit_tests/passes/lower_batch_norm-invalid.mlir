// RUN: qopt %s -p q-lower-batch-norm --verify-diagnostics | filecheck %s

// A channel without variance and epsilon cannot be normalised.
func.func @main(%x: tensor<1x2x!q.real>) -> tensor<1x2x!q.real> {
  %c = q.constant #q.dense<[2.0, 1.0] : tensor<2xf32>>
  %variance = q.constant #q.dense<[4.0, 0.0] : tensor<2xf32>>
  %y = q.batch_norm %x, %c, %c, %c, %variance axis 1 epsilon 0.000000e+00 : f32 : tensor<1x2x!q.real>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<1x2x!q.real> loc("BatchNormalization_3")
  func.return %y : tensor<1x2x!q.real>
}
// CHECK:      error: batch normalisation needs variance + epsilon > 0, channel 1 has 0
// CHECK-NEXT:   at: node 'BatchNormalization_3', {{.*}}:7:3
// CHECK-NEXT:   mend: check the model's variances, or give a positive epsilon
