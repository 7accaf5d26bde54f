// RUN: qopt %s -p q-lower-batch-norm --split-input-file | filecheck %s

// An exact batch normalisation becomes a multiplication and an addition per channel.
func.func @main(%x: tensor<1x2x!q.fixed<8, 0>>) -> tensor<1x2x!q.real> {
  %scale = q.constant #q.dense<[1.5, -3.0] : tensor<2xf32>>
  %bias = q.constant #q.dense<[0.5, 0.25] : tensor<2xf32>>
  %mean = q.constant #q.dense<[2.0, -1.0] : tensor<2xf32>>
  %variance = q.constant #q.dense<[4.0, 0.25] : tensor<2xf32>>
  %y = q.batch_norm %x, %scale, %bias, %mean, %variance axis 1 epsilon 0.000000e+00 : f32 : tensor<1x2x!q.fixed<8, 0>>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<1x2x!q.real> loc("BatchNormalization_3")
  func.return %y : tensor<1x2x!q.real>
}
// CHECK:      [[A:%.*]] = q.constant #q.dense<["3/4", "-6"] : tensor<2x!q.real>>
// CHECK-NEXT: [[M:%.*]] = q.mul %x, [[A]] : {{.*}} loc("BatchNormalization_3")
// CHECK-NEXT: [[B:%.*]] = q.constant #q.dense<["-1", "-23/4"] : tensor<2x!q.real>>
// CHECK-NEXT: [[Y:%.*]] = q.add [[M]], [[B]] : {{.*}} -> tensor<1x2x!q.real> loc("BatchNormalization_3")
// CHECK-NEXT: func.return [[Y]]

// -----
// The channel axis of an image is not the last one: its constants get axes behind them. The result has two uses.
func.func @main(%x: tensor<1x2x3x1x!q.real>) -> (tensor<1x2x3x1x!q.real>, tensor<1x2x3x1x!q.real>) {
  %scale = q.constant #q.dense<[2.0, 3.0] : tensor<2xf32>>
  %one = q.constant #q.dense<[1.0, 1.0] : tensor<2xf32>>
  %zero = q.constant #q.dense<[0.0, 0.0] : tensor<2xf32>>
  %y = q.batch_norm %x, %scale, %zero, %zero, %one axis 1 epsilon 0.000000e+00 : f32 : tensor<1x2x3x1x!q.real>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<1x2x3x1x!q.real>
  func.return %y, %y : tensor<1x2x3x1x!q.real>, tensor<1x2x3x1x!q.real>
}
// CHECK:      q.mul
// CHECK-SAME: tensor<2x1x1x!q.real> -> tensor<1x2x3x1x!q.real>
// CHECK-NOT:  q.batch_norm
// CHECK:      func.return

// -----
// Batch normalisation in float32 stays: its rounding errors are those of the model.
func.func @main(%x: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %c = q.constant #q.dense<[2.0] : tensor<1xf32>>
  %y = q.batch_norm %x, %c, %c, %c, %c axis 1 epsilon 0.000000e+00 : f32 : tensor<1x1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32> -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
// CHECK:     q.batch_norm
// CHECK-NOT: q.mul
// CHECK:     func.return
