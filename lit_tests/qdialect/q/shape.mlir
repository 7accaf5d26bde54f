// RUN: qopt %s | filecheck %s

// Ops that move elements keep their type; node names stay with the ops.
// CHECK-LABEL: func.func @shape
// CHECK: q.reshape %{{.*}} : tensor<1x2x3xf32> -> tensor<1x6xf32> loc("Reshape_5")
// CHECK: q.transpose %{{.*}} perm [0, 2, 1] : tensor<1x2x3xf32> -> tensor<1x3x2xf32>
// CHECK: q.reshape %{{.*}} : tensor<!q.bipolar> -> tensor<1x1x!q.bipolar>
func.func @shape(%x: tensor<1x2x3xf32>, %s: tensor<!q.bipolar>) {
  %0 = q.reshape %x : tensor<1x2x3xf32> -> tensor<1x6xf32> loc("Reshape_5")
  %1 = q.transpose %x perm [0, 2, 1] : tensor<1x2x3xf32> -> tensor<1x3x2xf32>
  %2 = q.reshape %s : tensor<!q.bipolar> -> tensor<1x1x!q.bipolar>
  func.return
}
