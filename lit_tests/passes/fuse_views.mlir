// RUN: qopt %s --split-input-file -p q-fuse-views | filecheck %s

// Channels that count the pixels last: the convolution computes them in another order.
// CHECK-LABEL: func.func @pixel_shuffle
// CHECK-NEXT: %w = q.constant #q.dense<{{\[\[\[}}1{{\]\]}}, {{\[\[}}3{{\]\]}}, {{\[\[}}2{{\]\]}}, {{\[\[}}4{{\]\]\]}} : tensor<4x1x1x!q.fixed<4, 0>>>
// CHECK-NEXT: %a = q.conv %x, %w
// CHECK-NEXT: %d = q.depth_to_space %a axis 2 axes [1] factors [2] : tensor<1x2x4x!q.fixed<8, 0>> -> tensor<1x4x2x!q.fixed<8, 0>>
// CHECK-NEXT: q.relu %d
func.func @pixel_shuffle(%x: tensor<1x2x1x!q.fixed<4, 0>>) -> tensor<1x4x2x!q.ufixed<7, 0>> {
  %w = q.constant #q.dense<[[[1]], [[2]], [[3]], [[4]]] : tensor<4x1x1x!q.fixed<4, 0>>>
  %a = q.conv %x, %w strides [1] pads [0, 0] dilations [1] groups 1 channels_last range <-32, 28> : tensor<1x2x1x!q.fixed<4, 0>>, tensor<4x1x1x!q.fixed<4, 0>> -> tensor<1x2x4x!q.fixed<8, 0>>
  %b = q.reshape %a : tensor<1x2x4x!q.fixed<8, 0>> -> tensor<1x2x2x2x!q.fixed<8, 0>>
  %c = q.transpose %b perm [0, 1, 3, 2] : tensor<1x2x2x2x!q.fixed<8, 0>> -> tensor<1x2x2x2x!q.fixed<8, 0>>
  %d = q.reshape %c : tensor<1x2x2x2x!q.fixed<8, 0>> -> tensor<1x4x2x!q.fixed<8, 0>>
  %y = q.relu %d : tensor<1x4x2x!q.fixed<8, 0>> -> tensor<1x4x2x!q.ufixed<7, 0>>
  func.return %y : tensor<1x4x2x!q.ufixed<7, 0>>
}

// -----

// Channels that count the pixels first: any maker.
// CHECK-LABEL: func.func @in_order
// CHECK-NEXT: q.depth_to_space %x axis 2 axes [1] factors [2]
func.func @in_order(%x: tensor<1x2x4x!q.fixed<8, 0>>) -> tensor<1x4x2x!q.ufixed<7, 0>> {
  %d = q.reshape %x : tensor<1x2x4x!q.fixed<8, 0>> -> tensor<1x4x2x!q.fixed<8, 0>>
  %y = q.relu %d : tensor<1x4x2x!q.fixed<8, 0>> -> tensor<1x4x2x!q.ufixed<7, 0>>
  func.return %y : tensor<1x4x2x!q.ufixed<7, 0>>
}

// -----

// Nobody computes the channels in another order; another movement; a result that is returned.
// CHECK-LABEL: func.func @leave
// CHECK-NOT: q.depth_to_space
// CHECK: return
func.func @leave(%x: tensor<1x2x4x!q.fixed<8, 0>>) -> (tensor<1x4x2x!q.ufixed<7, 0>>, tensor<1x4x2x!q.ufixed<7, 0>>, tensor<1x4x2x!q.fixed<8, 0>>) {
  %b = q.reshape %x : tensor<1x2x4x!q.fixed<8, 0>> -> tensor<1x2x2x2x!q.fixed<8, 0>>
  %c = q.transpose %b perm [0, 1, 3, 2] : tensor<1x2x2x2x!q.fixed<8, 0>> -> tensor<1x2x2x2x!q.fixed<8, 0>>
  %d = q.reshape %c : tensor<1x2x2x2x!q.fixed<8, 0>> -> tensor<1x4x2x!q.fixed<8, 0>>
  %y = q.relu %d : tensor<1x4x2x!q.fixed<8, 0>> -> tensor<1x4x2x!q.ufixed<7, 0>>
  %e = q.transpose %x perm [0, 2, 1] : tensor<1x2x4x!q.fixed<8, 0>> -> tensor<1x4x2x!q.fixed<8, 0>>
  %z = q.relu %e : tensor<1x4x2x!q.fixed<8, 0>> -> tensor<1x4x2x!q.ufixed<7, 0>>
  %f = q.reshape %x : tensor<1x2x4x!q.fixed<8, 0>> -> tensor<1x4x2x!q.fixed<8, 0>>
  func.return %y, %z, %f : tensor<1x4x2x!q.ufixed<7, 0>>, tensor<1x4x2x!q.ufixed<7, 0>>, tensor<1x4x2x!q.fixed<8, 0>>
}
