// RUN: qopt %s --split-input-file -p q-lower-conv-transpose | filecheck %s

// Kernels of 4 with strides of 2: all four phases read the same windows, so they are one convolution.
// CHECK-LABEL: func.func @generator
// CHECK-NEXT: %w = q.constant #q.dense<{{\[\[\[\[}}0, 2], [2, 0]{{\]\]}}, {{.*}} : tensor<4x1x2x2x!q.fixed<3, 0>>
// CHECK-NEXT: %y = q.conv %x, %w strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 {{.*}} -> tensor<1x4x4x4x!q.fixed<8, 0>> loc("Up_1")
// CHECK-NEXT: %y_1 = q.depth_to_space %y axis 1 axes [2, 3] factors [2, 2] : {{.*}} -> tensor<1x1x8x8x!q.fixed<8, 0>> loc("Up_1")
// CHECK-NEXT: func.return
func.func @generator(%x: tensor<1x1x3x3x!q.fixed<4, 0>>) -> tensor<1x1x8x8x!q.fixed<8, 0>> {
  %w = q.constant #q.dense<[[[[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]]]] : tensor<1x1x4x4x!q.fixed<3, 0>>>
  %y = q.conv_transpose %x, %w strides [2, 2] pads [0, 0, 0, 0] output_padding [0, 0] dilations [1, 1] groups 1 range <-96, 84> : tensor<1x1x3x3x!q.fixed<4, 0>>, tensor<1x1x4x4x!q.fixed<3, 0>> -> tensor<1x1x8x8x!q.fixed<8, 0>> loc("Up_1")
  func.return %y : tensor<1x1x8x8x!q.fixed<8, 0>>
}

// -----

// Phases with different windows are convolutions of their own; the proof goes with each.
// CHECK-LABEL: func.func @phases
// CHECK: q.conv %x, %{{.*}} strides [1] pads [1, 1] dilations [1] groups 1 range <-9, 9> : {{.*}}, tensor<2x4x2x!q.fixed<2, 0>> -> tensor<1x2x4x!q.fixed<5, 0>>
// CHECK: q.conv %x, %{{.*}} strides [1] pads [0, 0] dilations [1] groups 1 range <-9, 9> : {{.*}}, tensor<2x4x1x!q.fixed<2, 0>> -> tensor<1x2x3x!q.fixed<5, 0>>
// CHECK-NEXT: q.interleave %{{.*}}, %{{.*}} axes [2] factors [2] : {{.*}} -> tensor<1x2x7x!q.fixed<5, 0>>
func.func @phases(%x: tensor<1x4x3x!q.fixed<4, 0>>) -> tensor<1x2x7x!q.fixed<5, 0>> {
  %w = q.constant #q.dense<1 : tensor<4x2x3x!q.fixed<2, 0>>>
  %y = q.conv_transpose %x, %w strides [2] pads [0, 0] output_padding [0] dilations [1] groups 1 range <-9, 9> : tensor<1x4x3x!q.fixed<4, 0>>, tensor<4x2x3x!q.fixed<2, 0>> -> tensor<1x2x7x!q.fixed<5, 0>>
  func.return %y : tensor<1x2x7x!q.fixed<5, 0>>
}

// -----

// Without a stride it is a convolution with the taps in the opposite order.
// CHECK-LABEL: func.func @stride_one
// CHECK-NEXT: %w = q.constant #q.dense<{{\[\[\[}}1, 0, -2{{\]\]\]}}
// CHECK-NEXT: q.conv %x, %w strides [1] pads [2, 2]
// CHECK-NEXT: func.return
func.func @stride_one(%x: tensor<1x1x3x!q.fixed<4, 0>>) -> tensor<1x1x5x!q.fixed<6, 0>> {
  %w = q.constant #q.dense<[[[-2, 0, 1]]] : tensor<1x1x3x!q.fixed<2, 0>>>
  %y = q.conv_transpose %x, %w strides [1] pads [0, 0] output_padding [0] dilations [1] groups 1 : tensor<1x1x3x!q.fixed<4, 0>>, tensor<1x1x3x!q.fixed<2, 0>> -> tensor<1x1x5x!q.fixed<6, 0>>
  func.return %y : tensor<1x1x5x!q.fixed<6, 0>>
}

// -----

// Pads that reach over the kernel: phases that do not need the ends of the input leave them out.
// CHECK-LABEL: func.func @cut
// CHECK: q.slice %x starts [0, 0, 0] sizes [1, 1, 3] steps [1, 1, 1]
// CHECK: q.slice %x starts [0, 0, 1] sizes [1, 1, 3] steps [1, 1, 1]
// CHECK: q.interleave
func.func @cut(%x: tensor<1x1x4x!q.fixed<4, 0>>) -> tensor<1x1x6x!q.fixed<6, 0>> {
  %w = q.constant #q.dense<[[[-2, 1]]] : tensor<1x1x2x!q.fixed<2, 0>>>
  %y = q.conv_transpose %x, %w strides [2] pads [1, 1] output_padding [0] dilations [1] groups 1 : tensor<1x1x4x!q.fixed<4, 0>>, tensor<1x1x2x!q.fixed<2, 0>> -> tensor<1x1x6x!q.fixed<6, 0>>
  func.return %y : tensor<1x1x6x!q.fixed<6, 0>>
}

// -----

// Real numbers stay.
// CHECK-LABEL: func.func @real
// CHECK: q.conv_transpose
func.func @real(%x: tensor<1x1x4x!q.real>) -> tensor<1x1x8x!q.real> {
  %w = q.constant #q.dense<1 : tensor<1x1x2x!q.real>>
  %y = q.conv_transpose %x, %w strides [2] pads [0, 0] output_padding [0] dilations [1] groups 1 : tensor<1x1x4x!q.real>, tensor<1x1x2x!q.real> -> tensor<1x1x8x!q.real>
  func.return %y : tensor<1x1x8x!q.real>
}

// -----

// A kernel shorter than its stride leaves positions that no product reaches: one weight of 0.
// CHECK-LABEL: func.func @sparse
// CHECK: q.conv %x, %{{.*}} strides [1] pads [0, 0]
// CHECK: q.slice %x starts [0, 0, 0] sizes [1, 1, 3] steps [1, 1, 1]
// CHECK-NEXT: q.constant #q.dense<{{.*}}0{{.*}} : tensor<1x1x1x!q.fixed<2, 0>>>
// CHECK: q.interleave
func.func @sparse(%x: tensor<1x1x4x!q.fixed<4, 0>>) -> tensor<1x1x7x!q.fixed<5, 0>> {
  %w = q.constant #q.dense<1 : tensor<1x1x1x!q.fixed<2, 0>>>
  %y = q.conv_transpose %x, %w strides [2] pads [0, 0] output_padding [0] dilations [1] groups 1 : tensor<1x1x4x!q.fixed<4, 0>>, tensor<1x1x1x!q.fixed<2, 0>> -> tensor<1x1x7x!q.fixed<5, 0>>
  func.return %y : tensor<1x1x7x!q.fixed<5, 0>>
}
