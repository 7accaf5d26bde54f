// RUN: qopt %s --split-input-file | filecheck %s

// The accumulator of a convolution with constant weights is as wide as the weights ask for; a proof makes it narrower.
// CHECK-LABEL: func.func @conv
// CHECK: q.conv %{{.*}}, %{{.*}} strides [1, 2] pads [0, 1, 0, 1] dilations [1, 1] groups 1 : tensor<1x1x4x4x!q.ufixed<2, 0>>, tensor<1x1x2x2x!q.fixed<3, 0>> -> tensor<1x1x3x3x!q.fixed<5, 0>>
// CHECK: q.conv %{{.*}}, %{{.*}} strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 range <-3, 7> : {{.*}} -> tensor<1x1x3x3x!q.fixed<4, 0>>
func.func @conv(%x: tensor<1x1x4x4x!q.ufixed<2, 0>>) {
  %w = q.constant #q.dense<[[[[1, -2], [0, 3]]]] : tensor<1x1x2x2x!q.fixed<3, 0>>>
  %0 = q.conv %x, %w strides [1, 2] pads [0, 1, 0, 1] dilations [1, 1] groups 1 : tensor<1x1x4x4x!q.ufixed<2, 0>>, tensor<1x1x2x2x!q.fixed<3, 0>> -> tensor<1x1x3x3x!q.fixed<5, 0>>
  %1 = q.conv %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 range <-3, 7> : tensor<1x1x4x4x!q.ufixed<2, 0>>, tensor<1x1x2x2x!q.fixed<3, 0>> -> tensor<1x1x3x3x!q.fixed<4, 0>>
  func.return
}

// -----

// One, two and three spatial axes; groups; computed weights; other kinds of numbers.
// CHECK-LABEL: func.func @forms
// CHECK: q.conv {{.*}} strides [2] pads [1, 0] dilations [2] groups 2 : {{.*}} -> tensor<1x2x4x!q.fixed<10, 3>>
// CHECK: q.conv {{.*}} strides [1, 1, 1] {{.*}} -> tensor<1x5x2x2x2xf32>
// CHECK: q.conv {{.*}} -> tensor<1x2x2x2x!q.real>
func.func @forms(%a: tensor<1x4x8x!q.fixed<4, 1>>, %b: tensor<2x2x2x!q.fixed<4, 2>>, %c: tensor<1x3x3x3x3xf32>, %d: tensor<5x3x2x2x2xf32>, %e: tensor<1x2x2x2x!q.real>, %f: tensor<2x1x1x1x!q.fixed<4, 2>>) {
  %0 = q.conv %a, %b strides [2] pads [1, 0] dilations [2] groups 2 : tensor<1x4x8x!q.fixed<4, 1>>, tensor<2x2x2x!q.fixed<4, 2>> -> tensor<1x2x4x!q.fixed<10, 3>>
  %1 = q.conv %c, %d strides [1, 1, 1] pads [0, 0, 0, 0, 0, 0] dilations [1, 1, 1] groups 1 : tensor<1x3x3x3x3xf32>, tensor<5x3x2x2x2xf32> -> tensor<1x5x2x2x2xf32>
  %2 = q.conv %e, %f strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 2 : tensor<1x2x2x2x!q.real>, tensor<2x1x1x1x!q.fixed<4, 2>> -> tensor<1x2x2x2x!q.real>
  func.return
}

// -----

// Taps that never meet in one sum of a transposed convolution do not widen its accumulator.
// CHECK-LABEL: func.func @transpose
// CHECK: q.conv_transpose %{{.*}}, %{{.*}} strides [2] pads [0, 0] output_padding [1] dilations [1] groups 1 : {{.*}} -> tensor<1x2x7x!q.ufixed<4, 0>>
// CHECK: q.conv_transpose %{{.*}}, %{{.*}} strides [1] pads [0, 1] output_padding [0] dilations [1] groups 1 : {{.*}} -> tensor<1x2x3x!q.ufixed<5, 0>>
func.func @transpose(%x: tensor<1x1x3x!q.ufixed<2, 0>>) {
  %w = q.constant #q.dense<[[[3, 5], [1, 2]]] : tensor<1x2x2x!q.ufixed<3, 0>>>
  %0 = q.conv_transpose %x, %w strides [2] pads [0, 0] output_padding [1] dilations [1] groups 1 : tensor<1x1x3x!q.ufixed<2, 0>>, tensor<1x2x2x!q.ufixed<3, 0>> -> tensor<1x2x7x!q.ufixed<4, 0>>
  %1 = q.conv_transpose %x, %w strides [1] pads [0, 1] output_padding [0] dilations [1] groups 1 : tensor<1x1x3x!q.ufixed<2, 0>>, tensor<1x2x2x!q.ufixed<3, 0>> -> tensor<1x2x3x!q.ufixed<5, 0>>
  func.return
}
