// RUN: qopt %s --split-input-file | filecheck %s

// From any numbers to any format; rounding and overflow are named.
// CHECK-LABEL: func.func @quantize
// CHECK: q.quantize %{{.*}} half_even saturate narrow : tensor<4xf32> -> tensor<4x!q.fixed<2, 0>>
// CHECK: q.quantize %{{.*}} floor wrap : tensor<4x!q.real> -> tensor<4x!q.ufixed<8, 4>>
// CHECK: q.quantize %{{.*}} half_up saturate : tensor<4x!q.fixed<2, 0>> -> tensor<4x!q.bipolar>
// CHECK: q.quantize %{{.*}} half_even saturate : tensor<4xf32> -> tensor<4x!q.float<4, 3, specials = fn>>
// CHECK: q.quantize %{{.*}} half_even saturate : tensor<4x!q.real> -> tensor<4xf32>
func.func @quantize(%f: tensor<4xf32>, %r: tensor<4x!q.real>) {
  %0 = q.quantize %f half_even saturate narrow : tensor<4xf32> -> tensor<4x!q.fixed<2, 0>>
  %1 = q.quantize %r floor wrap : tensor<4x!q.real> -> tensor<4x!q.ufixed<8, 4>>
  %2 = q.quantize %0 half_up saturate : tensor<4x!q.fixed<2, 0>> -> tensor<4x!q.bipolar>
  %3 = q.quantize %f half_even saturate : tensor<4xf32> -> tensor<4x!q.float<4, 3, specials = fn>>
  %4 = q.quantize %r half_even saturate : tensor<4x!q.real> -> tensor<4xf32>
  func.return
}

// -----

// The values behind a narrow quantiser are narrow: the sum of two has one code less on each side.
// CHECK-LABEL: func.func @narrow
// CHECK: q.add {{.*}} -> tensor<4x!q.fixed<3, 0>>
// CHECK: q.matmul {{.*}} -> tensor<1x!q.fixed<3, 0>>
func.func @narrow(%f: tensor<4xf32>) {
  %0 = q.quantize %f half_even saturate narrow : tensor<4xf32> -> tensor<4x!q.fixed<2, 0>>
  %1 = q.add %0, %0 : tensor<4x!q.fixed<2, 0>>, tensor<4x!q.fixed<2, 0>> -> tensor<4x!q.fixed<3, 0>>
  %w = q.constant #q.dense<[[1], [1], [1], [0]] : tensor<4x1x!q.fixed<2, 0>>>
  %2 = q.matmul %0, %w : tensor<4x!q.fixed<2, 0>>, tensor<4x1x!q.fixed<2, 0>> -> tensor<1x!q.fixed<3, 0>>
  func.return
}
