// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// A window fits into the padded input.
// CHECK: error: q.max_pool has a window of [5] on a padded input of [4]
// CHECK-NEXT: at: node 'MaxPool_1', {{.*}}pooling-invalid.mlir:8:3
// CHECK-NEXT: mend: pad the input, or use a smaller kernel or dilation
func.func @window(%x: tensor<1x1x4xf32>) {
  %0 = q.max_pool %x kernel [3] strides [1] pads [0, 0] dilations [2] : tensor<1x1x4xf32> -> tensor<1x1x1xf32> loc("MaxPool_1")
  func.return
}

// -----

// A window of nothing has no largest element.
// CHECK: error: q.max_pool has a window wholly outside its input
// CHECK-NEXT: at:
// CHECK-NEXT: mend: pad less than the size of a window
func.func @outside(%x: tensor<1x1x4xf32>) {
  %0 = q.max_pool %x kernel [2] strides [1] pads [2, 0] dilations [1] : tensor<1x1x4xf32> -> tensor<1x1x5xf32>
  func.return
}

// -----

// The kernel has a size for each spatial axis.
// CHECK: error: q.sum_pool has a kernel of 2 axes on an input of shape [1, 1, 4]
func.func @rank(%x: tensor<1x1x4xf32>) {
  %0 = q.sum_pool %x kernel [2, 2] strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] : tensor<1x1x4xf32> -> tensor<1x1x3xf32>
  func.return
}

// -----

// The element type stays.
// CHECK: error: q.max_pool gives tensor<1x1x3x!q.fixed<4, 0>>, not tensor<1x1x3x!q.fixed<5, 0>>
func.func @type(%x: tensor<1x1x4x!q.fixed<4, 0>>) {
  %0 = q.max_pool %x kernel [2] strides [1] pads [0, 0] dilations [1] : tensor<1x1x4x!q.fixed<4, 0>> -> tensor<1x1x3x!q.fixed<5, 0>>
  func.return
}

// -----

// The type of a sum holds every sum.
// CHECK: error: q.sum_pool can give codes from -16 to 14, but !q.fixed<4, 0> holds -8 to 7
func.func @sum(%x: tensor<1x1x4x!q.fixed<4, 0>>) {
  %0 = q.sum_pool %x kernel [2] strides [1] pads [0, 0] dilations [1] : tensor<1x1x4x!q.fixed<4, 0>> -> tensor<1x1x3x!q.fixed<4, 0>>
  func.return
}
