// RUN: qopt %s --split-input-file -p q-absorb-gathers | filecheck %s

// The layer in front computes its outputs in the new order; what is between has its constants there too.
// CHECK-LABEL: func.func @front
// CHECK: q.constant #q.dense<{{.*}}1{{.*}}3{{.*}}2{{.*}} : tensor<3x1x1x!q.fixed<3, 0>>>
// CHECK-NEXT: q.conv
// CHECK-NEXT: q.constant #q.dense<[4, 6, 5]
// CHECK-NEXT: q.add
// CHECK-NEXT: func.return
func.func @front(%x: tensor<1x4x1x!q.fixed<4, 0>>) -> tensor<1x4x3x!q.fixed<9, 0>> {
  %w = q.constant #q.dense<[[[1]], [[2]], [[3]]] : tensor<3x1x1x!q.fixed<3, 0>>>
  %b = q.constant #q.dense<[4, 5, 6] : tensor<3x!q.fixed<4, 0>>>
  %a = q.conv %x, %w strides [1] pads [0, 0] dilations [1] groups 1 channels_last : tensor<1x4x1x!q.fixed<4, 0>>, tensor<3x1x1x!q.fixed<3, 0>> -> tensor<1x4x3x!q.fixed<8, 0>>
  %c = q.add %a, %b : tensor<1x4x3x!q.fixed<8, 0>>, tensor<3x!q.fixed<4, 0>> -> tensor<1x4x3x!q.fixed<9, 0>>
  %y = q.gather %c indices [0, 2, 1] axis 2 : tensor<1x4x3x!q.fixed<9, 0>> -> tensor<1x4x3x!q.fixed<9, 0>>
  func.return %y : tensor<1x4x3x!q.fixed<9, 0>>
}

// -----

// Layers behind find their inputs in the old order, through a depthwise one.
// CHECK-LABEL: func.func @behind
// CHECK: q.constant #q.dense<{{.*}}7{{.*}}5{{.*}}6{{.*}} : tensor<3x1x1x!q.fixed<4, 0>>>
// CHECK-NEXT: q.conv %x
// CHECK-NEXT: q.constant #q.dense<{{.*}}3{{.*}}1{{.*}}2{{.*}} : tensor<1x3x1x!q.fixed<3, 0>>>
// CHECK-NEXT: q.conv
// CHECK-NEXT: func.return
func.func @behind(%x: tensor<1x4x3x!q.fixed<4, 0>>) -> tensor<1x4x1x!q.fixed<12, 0>> {
  %v = q.constant #q.dense<[[[5]], [[6]], [[7]]] : tensor<3x1x1x!q.fixed<4, 0>>>
  %w = q.constant #q.dense<[[[1], [2], [3]]] : tensor<1x3x1x!q.fixed<3, 0>>>
  %y = q.gather %x indices [1, 2, 0] axis 2 : tensor<1x4x3x!q.fixed<4, 0>> -> tensor<1x4x3x!q.fixed<4, 0>>
  %a = q.conv %y, %v strides [1] pads [0, 0] dilations [1] groups 3 channels_last : tensor<1x4x3x!q.fixed<4, 0>>, tensor<3x1x1x!q.fixed<4, 0>> -> tensor<1x4x3x!q.fixed<8, 0>>
  %b = q.conv %a, %w strides [1] pads [0, 0] dilations [1] groups 1 channels_last : tensor<1x4x3x!q.fixed<8, 0>>, tensor<1x3x1x!q.fixed<3, 0>> -> tensor<1x4x1x!q.fixed<12, 0>>
  func.return %b : tensor<1x4x1x!q.fixed<12, 0>>
}

// -----

// A grouped layer in both directions, and one that leaves out channels, keep the gather.
// CHECK-LABEL: func.func @kept
// CHECK: q.gather
// CHECK: q.gather
func.func @kept(%x: tensor<1x4x4x!q.fixed<4, 0>>) -> tensor<1x4x2x!q.fixed<8, 0>> {
  %w = q.constant #q.dense<1 : tensor<4x2x1x!q.fixed<2, 0>>>
  %y = q.gather %x indices [0, 2, 1, 3] axis 2 : tensor<1x4x4x!q.fixed<4, 0>> -> tensor<1x4x4x!q.fixed<4, 0>>
  %a = q.conv %y, %w strides [1] pads [0, 0] dilations [1] groups 2 channels_last : tensor<1x4x4x!q.fixed<4, 0>>, tensor<4x2x1x!q.fixed<2, 0>> -> tensor<1x4x4x!q.fixed<8, 0>>
  %b = q.gather %a indices [3, 1] axis 2 : tensor<1x4x4x!q.fixed<8, 0>> -> tensor<1x4x2x!q.fixed<8, 0>>
  func.return %b : tensor<1x4x2x!q.fixed<8, 0>>
}
