// RUN: qopt %s --split-input-file -p q-absorb-transposes | filecheck %s

// Columns of the matrix, biases and rows of thresholds take the order of the image with its channels last.
// CHECK-LABEL: func.func @decoder
// CHECK: %w = q.constant #q.dense<{{\[\[}}0, 2, 1, 3]]
// CHECK: q.matmul %x, %w
// CHECK: q.constant #q.dense<[4, 6, 5, 7]
// CHECK: q.add
// CHECK: q.constant #q.dense<{{\[\[}}1], [3], [2], [4]]
// CHECK: q.threshold
// CHECK-NEXT: q.reshape %{{.*}} : tensor<1x4x!q.ufixed<1, 0>> -> tensor<1x2x2x!q.ufixed<1, 0>> loc("ToLast")
// CHECK-NEXT: func.return
func.func @decoder(%x: tensor<1x1x!q.fixed<4, 0>>) -> tensor<1x2x2x!q.ufixed<1, 0>> {
  %w = q.constant #q.dense<[[0, 1, 2, 3]] : tensor<1x4x!q.fixed<3, 0>>>
  %b = q.constant #q.dense<[4, 5, 6, 7] : tensor<4x!q.ufixed<3, 0>>>
  %t = q.constant #q.dense<[[1], [2], [3], [4]] : tensor<4x1x!q.fixed<8, 0>>>
  %0 = q.matmul %x, %w : tensor<1x1x!q.fixed<4, 0>>, tensor<1x4x!q.fixed<3, 0>> -> tensor<1x4x!q.fixed<6, 0>>
  %1 = q.add %0, %b : tensor<1x4x!q.fixed<6, 0>>, tensor<4x!q.ufixed<3, 0>> -> tensor<1x4x!q.fixed<7, 0>>
  %2 = q.threshold %1, %t base 0 : tensor<1x4x!q.fixed<7, 0>>, tensor<4x1x!q.fixed<8, 0>> -> tensor<1x4x!q.ufixed<1, 0>>
  %3 = q.reshape %2 : tensor<1x4x!q.ufixed<1, 0>> -> tensor<1x2x2x!q.ufixed<1, 0>>
  %y = q.transpose %3 perm [0, 2, 1] : tensor<1x2x2x!q.ufixed<1, 0>> -> tensor<1x2x2x!q.ufixed<1, 0>> loc("ToLast")
  func.return %y : tensor<1x2x2x!q.ufixed<1, 0>>
}

// -----

// Somebody else uses the vector; there is no matrix; the matrix is computed: nothing changes.
// CHECK-LABEL: func.func @leave
// CHECK: q.transpose
// CHECK: q.transpose
// CHECK: q.transpose
func.func @leave(%x: tensor<1x1x!q.fixed<4, 0>>, %v: tensor<1x4x!q.fixed<4, 0>>, %m: tensor<1x4x!q.fixed<4, 0>>) -> (tensor<1x4x!q.fixed<6, 0>>, tensor<1x2x2x!q.fixed<6, 0>>, tensor<1x2x2x!q.fixed<4, 0>>, tensor<1x2x2x!q.fixed<8, 0>>) {
  %w = q.constant #q.dense<[[0, 1, 2, 3]] : tensor<1x4x!q.fixed<3, 0>>>
  %0 = q.matmul %x, %w : tensor<1x1x!q.fixed<4, 0>>, tensor<1x4x!q.fixed<3, 0>> -> tensor<1x4x!q.fixed<6, 0>>
  %1 = q.reshape %0 : tensor<1x4x!q.fixed<6, 0>> -> tensor<1x2x2x!q.fixed<6, 0>>
  %2 = q.transpose %1 perm [0, 2, 1] : tensor<1x2x2x!q.fixed<6, 0>> -> tensor<1x2x2x!q.fixed<6, 0>>
  %3 = q.reshape %v : tensor<1x4x!q.fixed<4, 0>> -> tensor<1x2x2x!q.fixed<4, 0>>
  %4 = q.transpose %3 perm [0, 2, 1] : tensor<1x2x2x!q.fixed<4, 0>> -> tensor<1x2x2x!q.fixed<4, 0>>
  %5 = q.matmul %x, %m : tensor<1x1x!q.fixed<4, 0>>, tensor<1x4x!q.fixed<4, 0>> -> tensor<1x4x!q.fixed<8, 0>>
  %6 = q.reshape %5 : tensor<1x4x!q.fixed<8, 0>> -> tensor<1x2x2x!q.fixed<8, 0>>
  %7 = q.transpose %6 perm [0, 2, 1] : tensor<1x2x2x!q.fixed<8, 0>> -> tensor<1x2x2x!q.fixed<8, 0>>
  func.return %0, %2, %4, %7 : tensor<1x4x!q.fixed<6, 0>>, tensor<1x2x2x!q.fixed<6, 0>>, tensor<1x2x2x!q.fixed<4, 0>>, tensor<1x2x2x!q.fixed<8, 0>>
}
