// RUN: qopt %s | filecheck %s

// Functions of float32 numbers, element by element, but softmax along an axis.
// CHECK-LABEL: func.func @functions
// CHECK: q.softmax %{{.*}} axis 1 : tensor<1x2xf32>
// CHECK: q.sigmoid %{{.*}} : tensor<1x2xf32>
// CHECK: q.tanh %{{.*}} : tensor<1x2xf32>
// CHECK: q.exp %{{.*}} : tensor<1x2xf32>
// CHECK: q.log %{{.*}} : tensor<1x2xf32>
// CHECK: q.sqrt %{{.*}} : tensor<1x2xf32>
// CHECK: q.erf %{{.*}} : tensor<1x2xf32>
// CHECK: q.softplus %{{.*}} : tensor<1x2xf32>
// CHECK: q.floor %{{.*}} : tensor<1x2xf32>
// CHECK: q.ceil %{{.*}} : tensor<1x2xf32>
// CHECK: q.round %{{.*}} : tensor<1x2xf32>
// CHECK: q.sin %{{.*}} : tensor<1x2xf32>
// CHECK: q.cos %{{.*}} : tensor<1x2xf32>
// CHECK: q.tan %{{.*}} : tensor<1x2xf32>
// CHECK: q.asin %{{.*}} : tensor<1x2xf32>
// CHECK: q.acos %{{.*}} : tensor<1x2xf32>
// CHECK: q.atan %{{.*}} : tensor<1x2xf32>
// CHECK: q.sinh %{{.*}} : tensor<1x2xf32>
// CHECK: q.cosh %{{.*}} : tensor<1x2xf32>
// CHECK: q.asinh %{{.*}} : tensor<1x2xf32>
// CHECK: q.acosh %{{.*}} : tensor<1x2xf32>
// CHECK: q.atanh %{{.*}} : tensor<1x2xf32>
// CHECK: q.pow %{{.*}}, %{{.*}} : tensor<1x2xf32>, tensor<f32> -> tensor<1x2xf32>
func.func @functions(%x: tensor<1x2xf32>, %e: tensor<f32>) {
  %0 = q.softmax %x axis 1 : tensor<1x2xf32>
  %1 = q.sigmoid %x : tensor<1x2xf32>
  %2 = q.tanh %x : tensor<1x2xf32>
  %3 = q.exp %x : tensor<1x2xf32>
  %4 = q.log %x : tensor<1x2xf32>
  %5 = q.sqrt %x : tensor<1x2xf32>
  %6 = q.erf %x : tensor<1x2xf32>
  %7 = q.softplus %x : tensor<1x2xf32>
  %8 = q.floor %x : tensor<1x2xf32>
  %9 = q.ceil %x : tensor<1x2xf32>
  %10 = q.round %x : tensor<1x2xf32>
  %11 = q.sin %x : tensor<1x2xf32>
  %12 = q.cos %x : tensor<1x2xf32>
  %13 = q.tan %x : tensor<1x2xf32>
  %14 = q.asin %x : tensor<1x2xf32>
  %15 = q.acos %x : tensor<1x2xf32>
  %16 = q.atan %x : tensor<1x2xf32>
  %17 = q.sinh %x : tensor<1x2xf32>
  %18 = q.cosh %x : tensor<1x2xf32>
  %19 = q.asinh %x : tensor<1x2xf32>
  %20 = q.acosh %x : tensor<1x2xf32>
  %21 = q.atanh %x : tensor<1x2xf32>
  %22 = q.pow %x, %e : tensor<1x2xf32>, tensor<f32> -> tensor<1x2xf32>
  func.return
}
