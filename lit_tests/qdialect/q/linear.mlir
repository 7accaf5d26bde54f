// RUN: qopt %s --split-input-file | filecheck %s

// With constant weights the accumulator is as wide as the weights ask for; a proof makes it narrower.
// CHECK-LABEL: func.func @dense
// CHECK: q.matmul %{{.*}}, %{{.*}} : tensor<1x3x!q.fixed<2, 0>>, tensor<3x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<4, 0>>
// CHECK: q.matmul %{{.*}}, %{{.*}} range <-3, 3> : tensor<1x3x!q.fixed<2, 0>>, tensor<3x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<3, 0>>
func.func @dense(%x: tensor<1x3x!q.fixed<2, 0>>) {
  %w = q.constant #q.dense<[[1, -1], [0, 1], [-2, 1]] : tensor<3x2x!q.fixed<2, 0>>>
  %0 = q.matmul %x, %w : tensor<1x3x!q.fixed<2, 0>>, tensor<3x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<4, 0>>
  %1 = q.matmul %x, %w range <-3, 3> : tensor<1x3x!q.fixed<2, 0>>, tensor<3x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<3, 0>>
  func.return
}

// -----

// Two dynamic operands, several axes, other kinds of numbers.
// CHECK-LABEL: func.func @dynamic
// CHECK: q.matmul {{.*}} -> tensor<2x4x3x!q.fixed<10, 3>>
// CHECK: q.matmul {{.*}} -> tensor<5xf32>
// CHECK: q.matmul {{.*}} -> tensor<1x1x!q.fixed<4, 0>>
func.func @dynamic(%a: tensor<2x4x5x!q.fixed<4, 1>>, %b: tensor<5x3x!q.fixed<4, 2>>, %f: tensor<5xf32>, %g: tensor<5x5xf32>, %p: tensor<1x4x!q.bipolar>, %q: tensor<4x1x!q.bipolar>) {
  %0 = q.matmul %a, %b : tensor<2x4x5x!q.fixed<4, 1>>, tensor<5x3x!q.fixed<4, 2>> -> tensor<2x4x3x!q.fixed<10, 3>>
  %1 = q.matmul %f, %g : tensor<5xf32>, tensor<5x5xf32> -> tensor<5xf32>
  %2 = q.matmul %p, %q : tensor<1x4x!q.bipolar>, tensor<4x1x!q.bipolar> -> tensor<1x1x!q.fixed<4, 0>>
  func.return
}
