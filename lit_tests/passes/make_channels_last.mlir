// RUN: qopt %s -p q-make-channels-last --split-input-file | filecheck %s

// Convolution, thresholds of channels, pool and flattening: one transposition at the input, and the matrix has its rows
// in the new order.
func.func @main(%x: tensor<1x2x3x3x!q.fixed<4, 0>>) -> tensor<1x2x!q.fixed<8, 0>> {
  %w = q.constant #q.dense<[[[[1]], [[2]]], [[[3]], [[-1]]]] : tensor<2x2x1x1x!q.fixed<3, 0>>>
  %t = q.constant #q.dense<[[0, 4], [-3, 2]] : tensor<2x2x!q.fixed<4, 0>>>
  %v = q.constant #q.dense<[[1, 0], [0, 2], [3, 0], [0, 4], [5, 0], [0, 6], [7, 0], [0, 8]] : tensor<8x2x!q.fixed<5, 0>>>
  %a = q.conv %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x3x!q.fixed<4, 0>>, tensor<2x2x1x1x!q.fixed<3, 0>> -> tensor<1x2x3x3x!q.fixed<7, 0>>
  %b = q.threshold %a, %t base 0 axis 1 : tensor<1x2x3x3x!q.fixed<7, 0>>, tensor<2x2x!q.fixed<4, 0>> -> tensor<1x2x3x3x!q.ufixed<2, 0>>
  %p = q.max_pool %b kernel [2, 2] strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] : tensor<1x2x3x3x!q.ufixed<2, 0>> -> tensor<1x2x2x2x!q.ufixed<2, 0>>
  %f = q.reshape %p : tensor<1x2x2x2x!q.ufixed<2, 0>> -> tensor<1x8x!q.ufixed<2, 0>>
  %y = q.matmul %f, %v : tensor<1x8x!q.ufixed<2, 0>>, tensor<8x2x!q.fixed<5, 0>> -> tensor<1x2x!q.fixed<8, 0>>
  func.return %y : tensor<1x2x!q.fixed<8, 0>>
}
// CHECK:      %x_1 = q.transpose %x perm [0, 2, 3, 1] : tensor<1x2x3x3x!q.fixed<4, 0>> -> tensor<1x3x3x2x!q.fixed<4, 0>>
// CHECK-NEXT: %a = q.conv %x_1, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 channels_last : {{.*}} -> tensor<1x3x3x2x!q.fixed<7, 0>>
// CHECK-NEXT: %b = q.threshold %a, %t base 0 : tensor<1x3x3x2x!q.fixed<7, 0>>, {{.*}} -> tensor<1x3x3x2x!q.ufixed<2, 0>>
// CHECK-NEXT: %p = q.max_pool %b kernel [2, 2] strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] channels_last : {{.*}} -> tensor<1x2x2x2x!q.ufixed<2, 0>>
// CHECK-NEXT: %f = q.reshape %p : tensor<1x2x2x2x!q.ufixed<2, 0>> -> tensor<1x8x!q.ufixed<2, 0>>
// CHECK-NEXT: %v = q.constant #q.dense<{{\[\[}}1, 0], [5, 0], [0, 2], [0, 6], [3, 0], [7, 0], [0, 4], [0, 8]] : tensor<8x2x!q.fixed<5, 0>>>
// CHECK-NEXT: %y = q.matmul %f, %v

// -----
// A network that is exported with its channels last: its own transpositions go.
func.func @main(%x: tensor<1x4x4x2x!q.fixed<4, 0>>) -> tensor<1x2x2x2x!q.fixed<6, 0>> {
  %t = q.transpose %x perm [0, 3, 1, 2] : tensor<1x4x4x2x!q.fixed<4, 0>> -> tensor<1x2x4x4x!q.fixed<4, 0>>
  %s = q.sum_pool %t kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] : tensor<1x2x4x4x!q.fixed<4, 0>> -> tensor<1x2x2x2x!q.fixed<6, 0>>
  %u = q.transpose %s perm [0, 2, 3, 1] : tensor<1x2x2x2x!q.fixed<6, 0>> -> tensor<1x2x2x2x!q.fixed<6, 0>>
  func.return %u : tensor<1x2x2x2x!q.fixed<6, 0>>
}
// CHECK:      func.func @main
// CHECK-NEXT:   %s = q.sum_pool %x kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] channels_last
// CHECK-NEXT:   func.return %s

// -----
// A border, a constant of channels and a joining branch follow; at the end the image goes back.
func.func @main(%x: tensor<1x2x4x4x!q.fixed<4, 0>>) -> tensor<1x2x4x4x!q.fixed<10, 0>> {
  %z = q.constant #q.dense<-3 : tensor<!q.fixed<4, 0>>>
  %c = q.constant #q.dense<[[[1]], [[-2]]] : tensor<2x1x1x!q.fixed<2, 0>>>
  %p = q.pad %x, %z low [0, 0, 1, 1] high [0, 0, 1, 1] : tensor<1x2x4x4x!q.fixed<4, 0>>, tensor<!q.fixed<4, 0>> -> tensor<1x2x6x6x!q.fixed<4, 0>>
  %s = q.sum_pool %p kernel [3, 3] strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] : tensor<1x2x6x6x!q.fixed<4, 0>> -> tensor<1x2x4x4x!q.fixed<8, 0>>
  %a = q.add %s, %x : tensor<1x2x4x4x!q.fixed<8, 0>>, tensor<1x2x4x4x!q.fixed<4, 0>> -> tensor<1x2x4x4x!q.fixed<9, 0>>
  %y = q.add %a, %c : tensor<1x2x4x4x!q.fixed<9, 0>>, tensor<2x1x1x!q.fixed<2, 0>> -> tensor<1x2x4x4x!q.fixed<10, 0>>
  func.return %y : tensor<1x2x4x4x!q.fixed<10, 0>>
}
// CHECK:      %x_1 = q.transpose %x perm [0, 2, 3, 1]
// CHECK-NEXT: %p = q.pad %x_1, %z low [0, 1, 1, 0] high [0, 1, 1, 0] : {{.*}} -> tensor<1x6x6x2x!q.fixed<4, 0>>
// CHECK-NEXT: %s = q.sum_pool %p {{.*}} channels_last : {{.*}} -> tensor<1x4x4x2x!q.fixed<8, 0>>
// CHECK-NEXT: %a = q.add %s, %x_1 : tensor<1x4x4x2x!q.fixed<8, 0>>
// CHECK-NEXT: %c = q.constant #q.dense<[1, -2] : tensor<2x!q.fixed<2, 0>>>
// CHECK-NEXT: %y = q.add %a, %c : tensor<1x4x4x2x!q.fixed<9, 0>>, tensor<2x!q.fixed<2, 0>>
// CHECK-NEXT: %y_1 = q.transpose %y perm [0, 3, 1, 2]
// CHECK-NEXT: func.return %y_1

// -----
// Layers of real numbers are the host's, and stay.
func.func @main(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xf32> {
  %y = q.max_pool %x kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] : tensor<1x2x4x4xf32> -> tensor<1x2x2x2xf32>
  func.return %y : tensor<1x2x2x2xf32>
}
// CHECK:     q.max_pool %x
// CHECK-NOT: channels_last

// -----
// An op that does the same to all elements goes in front of a view, which may then stand at the end.
func.func @main(%x: tensor<1x2x2x2x!q.fixed<4, 0>>) -> tensor<1x8x!q.fixed<2, 0>> {
  %s = q.max_pool %x kernel [1, 1] strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] : tensor<1x2x2x2x!q.fixed<4, 0>> -> tensor<1x2x2x2x!q.fixed<4, 0>>
  %f = q.reshape %s : tensor<1x2x2x2x!q.fixed<4, 0>> -> tensor<1x8x!q.fixed<4, 0>>
  %y = q.quantize %f half_even saturate : tensor<1x8x!q.fixed<4, 0>> -> tensor<1x8x!q.fixed<2, 0>>
  func.return %y : tensor<1x8x!q.fixed<2, 0>>
}
// CHECK:      q.max_pool
// CHECK-NEXT: q.quantize
// CHECK-NEXT: q.transpose {{.*}} perm [0, 3, 1, 2]
// CHECK-NEXT: q.reshape

// -----
// A reduction of rows and columns wants its channels last as well, without any other layer.
func.func @main(%x: tensor<1x3x2x4x!q.fixed<4, 0>>) -> tensor<1x3x2x4x!q.fixed<8, 0>> {
  %s = q.reduce_sum %x axes [2, 3] keep_dims : tensor<1x3x2x4x!q.fixed<4, 0>> -> tensor<1x3x1x1x!q.fixed<7, 0>>
  %y = q.sub %x, %s : tensor<1x3x2x4x!q.fixed<4, 0>>, tensor<1x3x1x1x!q.fixed<7, 0>> -> tensor<1x3x2x4x!q.fixed<8, 0>>
  func.return %y : tensor<1x3x2x4x!q.fixed<8, 0>>
}
// CHECK:      %x_1 = q.transpose %x perm [0, 2, 3, 1]
// CHECK-NEXT: %s = q.reduce_sum %x_1 axes [1, 2] keep_dims : {{.*}} -> tensor<1x1x1x3x!q.fixed<7, 0>>
// CHECK-NEXT: %y = q.sub %x_1, %s : {{.*}} -> tensor<1x2x4x3x!q.fixed<8, 0>>
// CHECK-NEXT: %y_1 = q.transpose %y perm [0, 3, 1, 2]

// -----
// One of axes that may be rows and columns of an image with its channels last stays.
func.func @main(%x: tensor<1x2x4x3x!q.fixed<4, 0>>) -> tensor<1x1x1x3x!q.fixed<7, 0>> {
  %s = q.reduce_sum %x axes [1, 2] keep_dims : tensor<1x2x4x3x!q.fixed<4, 0>> -> tensor<1x1x1x3x!q.fixed<7, 0>>
  func.return %s : tensor<1x1x1x3x!q.fixed<7, 0>>
}
// CHECK-NOT: q.transpose
// CHECK:     q.reduce_sum %x axes [1, 2]

// -----
// An image of one pixel: a reshape that brings its channels to the end is a transposition, and goes as one.
func.func @main(%x: tensor<1x2x1x1x!q.fixed<4, 0>>) -> tensor<1x2x1x1x!q.fixed<10, 0>> {
  %w = q.constant #q.dense<[[[[1]], [[2]]], [[[3]], [[-1]]]] : tensor<2x2x1x1x!q.fixed<3, 0>>>
  %a = q.conv %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x1x1x!q.fixed<4, 0>>, tensor<2x2x1x1x!q.fixed<3, 0>> -> tensor<1x2x1x1x!q.fixed<7, 0>>
  %b = q.reshape %a : tensor<1x2x1x1x!q.fixed<7, 0>> -> tensor<1x1x1x2x!q.fixed<7, 0>>
  %c = q.reshape %b : tensor<1x1x1x2x!q.fixed<7, 0>> -> tensor<1x2x1x1x!q.fixed<7, 0>>
  %y = q.conv %c, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x1x1x!q.fixed<7, 0>>, tensor<2x2x1x1x!q.fixed<3, 0>> -> tensor<1x2x1x1x!q.fixed<10, 0>>
  func.return %y : tensor<1x2x1x1x!q.fixed<10, 0>>
}
// CHECK:      %a = q.conv %x_1, %w {{.*}} channels_last : tensor<1x1x1x2x!q.fixed<4, 0>>
// CHECK-NOT:  tensor<1x1x2x1x
// CHECK:      %y = q.conv %b, %w {{.*}} channels_last : tensor<1x1x1x2x!q.fixed<7, 0>>
