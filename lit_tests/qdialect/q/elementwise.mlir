// RUN: qopt %s --split-input-file | filecheck %s

// Sums, differences and products of fixed types have the exact type.
// CHECK-LABEL: func.func @exact
// CHECK: q.add %{{.*}}, %{{.*}} : tensor<4x!q.fixed<8, 4>>, tensor<4x!q.ufixed<8, 0>> -> tensor<4x!q.fixed<14, 4>>
// CHECK: q.sub %{{.*}}, %{{.*}} : tensor<4x!q.ufixed<8, 0>>, tensor<4x!q.ufixed<8, 0>> -> tensor<4x!q.fixed<9, 0>>
// CHECK: q.mul %{{.*}}, %{{.*}} : tensor<4x!q.fixed<8, 4>>, tensor<4x!q.ufixed<8, 0>> -> tensor<4x!q.fixed<16, 4>>
// CHECK: q.relu %{{.*}} : tensor<4x!q.fixed<8, 4>> -> tensor<4x!q.ufixed<7, 4>>
func.func @exact(%a: tensor<4x!q.fixed<8, 4>>, %b: tensor<4x!q.ufixed<8, 0>>) {
  %0 = q.add %a, %b : tensor<4x!q.fixed<8, 4>>, tensor<4x!q.ufixed<8, 0>> -> tensor<4x!q.fixed<14, 4>>
  %1 = q.sub %b, %b : tensor<4x!q.ufixed<8, 0>>, tensor<4x!q.ufixed<8, 0>> -> tensor<4x!q.fixed<9, 0>>
  %2 = q.mul %a, %b : tensor<4x!q.fixed<8, 4>>, tensor<4x!q.ufixed<8, 0>> -> tensor<4x!q.fixed<16, 4>>
  %3 = q.relu %a : tensor<4x!q.fixed<8, 4>> -> tensor<4x!q.ufixed<7, 4>>
  func.return
}

// -----

// A proof of the range lets the type be narrower.
// CHECK-LABEL: func.func @proven
// CHECK: q.add %{{.*}}, %{{.*}} range <-8, 7> : tensor<4x!q.fixed<8, 0>>, tensor<4x!q.fixed<8, 0>> -> tensor<4x!q.fixed<4, 0>>
func.func @proven(%a: tensor<4x!q.fixed<8, 0>>) {
  %0 = q.add %a, %a range <-8, 7> : tensor<4x!q.fixed<8, 0>>, tensor<4x!q.fixed<8, 0>> -> tensor<4x!q.fixed<4, 0>>
  func.return
}

// -----

// A constant counts with the codes that it has.
// CHECK-LABEL: func.func @constant
// CHECK: q.add %{{.*}}, %{{.*}} : tensor<4x!q.ufixed<3, 0>>, tensor<!q.fixed<8, 0>> -> tensor<4x!q.ufixed<4, 0>>
func.func @constant(%a: tensor<4x!q.ufixed<3, 0>>) {
  %c = q.constant #q.dense<1 : tensor<!q.fixed<8, 0>>>
  %0 = q.add %a, %c : tensor<4x!q.ufixed<3, 0>>, tensor<!q.fixed<8, 0>> -> tensor<4x!q.ufixed<4, 0>>
  func.return
}

// -----

// Real numbers win over f32, f32 over fixed types; a quotient of exact numbers is real.
// CHECK-LABEL: func.func @mixed
// CHECK: q.mul {{.*}} -> tensor<4xf32>
// CHECK: q.mul {{.*}} -> tensor<4x!q.real>
// CHECK: q.div {{.*}} -> tensor<4x!q.real>
// CHECK: q.clip {{.*}} -> tensor<4x!q.real>
func.func @mixed(%a: tensor<4x!q.fixed<8, 4>>, %f: tensor<f32>, %r: tensor<!q.real>) {
  %c = q.constant #q.dense<3 : tensor<!q.fixed<8, 0>>>
  %0 = q.mul %a, %f : tensor<4x!q.fixed<8, 4>>, tensor<f32> -> tensor<4xf32>
  %1 = q.mul %a, %r : tensor<4x!q.fixed<8, 4>>, tensor<!q.real> -> tensor<4x!q.real>
  %2 = q.div %a, %c : tensor<4x!q.fixed<8, 4>>, tensor<!q.fixed<8, 0>> -> tensor<4x!q.real>
  %3 = q.clip %1, %r, %r : tensor<4x!q.real>, tensor<!q.real>, tensor<!q.real> -> tensor<4x!q.real>
  func.return
}

// -----

// Bounds, extremes and leaky units of fixed types have the exact type.
// CHECK-LABEL: func.func @bounded
// CHECK: q.clip {{.*}} -> tensor<4x!q.fixed<4, 4>>
// CHECK: q.max {{.*}} -> tensor<4x!q.ufixed<7, 4>>
// CHECK: q.min {{.*}} -> tensor<4x!q.fixed<8, 4>>
// CHECK: q.prelu {{.*}} -> tensor<4x!q.fixed<10, 6>>
func.func @bounded(%a: tensor<4x!q.fixed<8, 4>>, %s: tensor<!q.ufixed<2, 2>>) {
  %lo = q.constant #q.dense<-5 : tensor<!q.fixed<8, 4>>>
  %hi = q.constant #q.dense<7 : tensor<!q.fixed<8, 4>>>
  %0 = q.clip %a, %lo, %hi : tensor<4x!q.fixed<8, 4>>, tensor<!q.fixed<8, 4>>, tensor<!q.fixed<8, 4>> -> tensor<4x!q.fixed<4, 4>>
  %1 = q.max %a, %hi : tensor<4x!q.fixed<8, 4>>, tensor<!q.fixed<8, 4>> -> tensor<4x!q.ufixed<7, 4>>
  %2 = q.min %a, %hi : tensor<4x!q.fixed<8, 4>>, tensor<!q.fixed<8, 4>> -> tensor<4x!q.fixed<8, 4>>
  %3 = q.prelu %a, %s : tensor<4x!q.fixed<8, 4>>, tensor<!q.ufixed<2, 2>> -> tensor<4x!q.fixed<10, 6>>
  func.return
}
