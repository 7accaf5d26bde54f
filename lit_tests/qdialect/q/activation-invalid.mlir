// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// The channel axis exists.
// CHECK: error: q.batch_norm has axis 2, but its input has 2 axes
func.func @axis(%x: tensor<1x2xf32>, %c: tensor<2xf32>) {
  %0 = q.batch_norm %x, %c, %c, %c, %c axis 2 epsilon 1.0e-03 : f32 : tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<1x2xf32>
  func.return
}

// -----

// One parameter a channel.
// CHECK: error: q.batch_norm needs mean of shape [2], got [3]
func.func @parameters(%x: tensor<1x2xf32>, %c: tensor<2xf32>, %m: tensor<3xf32>) {
  %0 = q.batch_norm %x, %c, %c, %m, %c axis 1 epsilon 1.0e-03 : f32 : tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<3xf32>, tensor<2xf32> -> tensor<1x2xf32>
  func.return
}

// -----

// Of exact numbers it gives exact numbers.
// CHECK: error: q.batch_norm gives tensor<1x2x!q.real>, not tensor<1x2xf32>
func.func @kind(%x: tensor<1x2x!q.real>, %c: tensor<2xf32>) {
  %0 = q.batch_norm %x, %c, %c, %c, %c axis 1 epsilon 1.0e-03 : f32 : tensor<1x2x!q.real>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<1x2xf32>
  func.return
}
