// RUN: qopt %s --split-input-file | filecheck %s

// Numbers of any types compare, with broadcasting, and give a truth.
// CHECK-LABEL: func.func @compare
// CHECK: q.compare equal %{{.*}}, %{{.*}} : tensor<4x!q.fixed<8, 0>>, tensor<!q.ufixed<4, 0>> -> tensor<4x!q.ufixed<1, 0>>
// CHECK: q.compare less %{{.*}}, %{{.*}} : tensor<4x!q.fixed<8, 0>>, tensor<2x1xf32> -> tensor<2x4x!q.ufixed<1, 0>>
// CHECK: q.compare less_equal %{{.*}}, %{{.*}} : tensor<2x1xf32>, tensor<2x1xf32> -> tensor<2x1x!q.ufixed<1, 0>>
func.func @compare(%a: tensor<4x!q.fixed<8, 0>>, %b: tensor<!q.ufixed<4, 0>>, %f: tensor<2x1xf32>) {
  %0 = q.compare equal %a, %b : tensor<4x!q.fixed<8, 0>>, tensor<!q.ufixed<4, 0>> -> tensor<4x!q.ufixed<1, 0>>
  %1 = q.compare less %a, %f : tensor<4x!q.fixed<8, 0>>, tensor<2x1xf32> -> tensor<2x4x!q.ufixed<1, 0>>
  %2 = q.compare less_equal %f, %f : tensor<2x1xf32>, tensor<2x1xf32> -> tensor<2x1x!q.ufixed<1, 0>>
  func.return
}

// -----

// A choice has the narrowest type of both sides; the condition does not count.
// CHECK-LABEL: func.func @select
// CHECK: q.select {{.*}} -> tensor<4x!q.fixed<8, 0>>
// CHECK: q.select {{.*}} range <0, 1> {{.*}} -> tensor<4x!q.ufixed<1, 0>>
// CHECK: q.select {{.*}} -> tensor<4xf32>
func.func @select(%c: tensor<4x!q.ufixed<1, 0>>, %a: tensor<4x!q.fixed<8, 0>>, %b: tensor<!q.ufixed<4, 0>>, %f: tensor<f32>) {
  %0 = q.select %c, %a, %b : tensor<4x!q.ufixed<1, 0>>, tensor<4x!q.fixed<8, 0>>, tensor<!q.ufixed<4, 0>> -> tensor<4x!q.fixed<8, 0>>
  %1 = q.select %c, %a, %b range <0, 1> : tensor<4x!q.ufixed<1, 0>>, tensor<4x!q.fixed<8, 0>>, tensor<!q.ufixed<4, 0>> -> tensor<4x!q.ufixed<1, 0>>
  %2 = q.select %c, %a, %f : tensor<4x!q.ufixed<1, 0>>, tensor<4x!q.fixed<8, 0>>, tensor<f32> -> tensor<4xf32>
  func.return
}
