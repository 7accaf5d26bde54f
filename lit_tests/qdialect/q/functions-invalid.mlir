// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// The axis of a softmax exists.
// CHECK: error: q.softmax has axis 2, but its input has 2 axes
func.func @softmax(%x: tensor<1x2xf32>) {
  %0 = q.softmax %x axis 2 : tensor<1x2xf32>
  func.return
}

// -----

// Powers are float32.
// CHECK: error: q.pow gives tensor<1x2xf32>, not tensor<2xf32>
func.func @power(%x: tensor<1x2xf32>) {
  %0 = q.pow %x, %x : tensor<1x2xf32>, tensor<1x2xf32> -> tensor<2xf32>
  func.return
}
