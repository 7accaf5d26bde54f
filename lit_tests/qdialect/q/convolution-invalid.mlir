// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// An accumulator that can overflow is refused.
// CHECK: error: q.conv can give codes from -6 to 12, but !q.fixed<4, 0> holds -8 to 7
// CHECK: mend: write !q.fixed<5, 0>, or quantize the operands to shorter words
func.func @overflow(%x: tensor<1x1x4x4x!q.ufixed<2, 0>>) {
  %w = q.constant #q.dense<[[[[1, -2], [0, 3]]]] : tensor<1x1x2x2x!q.fixed<3, 0>>>
  %0 = q.conv %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x1x4x4x!q.ufixed<2, 0>>, tensor<1x1x2x2x!q.fixed<3, 0>> -> tensor<1x1x3x3x!q.fixed<4, 0>>
  func.return
}

// -----

// The channels agree.
// CHECK: error: q.conv cannot meet an input of 3 channels with weights of shape [2, 2, 1, 1] in 1 groups
// CHECK: mend: give it an input of 2 channels, or another number of groups
func.func @channels(%x: tensor<1x3x4x4xf32>, %w: tensor<2x2x1x1xf32>) {
  %0 = q.conv %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x4xf32>, tensor<2x2x1x1xf32> -> tensor<1x2x4x4xf32>
  func.return
}

// -----

// Groups divide the channels.
// CHECK: error: q.conv cannot split an input of 3 channels and weights of shape [2, 1, 1, 1] into 2 groups
// CHECK: mend: use a number of groups that divides both numbers of channels
func.func @groups(%x: tensor<1x3x4x4xf32>, %w: tensor<2x1x1x1xf32>) {
  %0 = q.conv %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 2 : tensor<1x3x4x4xf32>, tensor<2x1x1x1xf32> -> tensor<1x2x4x4xf32>
  func.return
}

// -----

// There is a spatial axis.
// CHECK: error: q.conv needs an input [N, C, spatial...] and weights of as many axes, got [1, 3] and [2, 3]
// CHECK: mend: reshape them
func.func @rank(%x: tensor<1x3xf32>, %w: tensor<2x3xf32>) {
  %0 = q.conv %x, %w strides [] pads [] dilations [] groups 1 : tensor<1x3xf32>, tensor<2x3xf32> -> tensor<1x2xf32>
  func.return
}

// -----

// One number for each end of each axis.
// CHECK: error: q.conv has pads [0, 0]
// CHECK: mend: write 4 numbers, each at least 0
func.func @pads(%x: tensor<1x3x4x4xf32>, %w: tensor<2x3x1x1xf32>) {
  %0 = q.conv %x, %w strides [1, 1] pads [0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x4xf32>, tensor<2x3x1x1xf32> -> tensor<1x2x4x4xf32>
  func.return
}

// -----

// A window moves.
// CHECK: error: q.conv has strides [1, 0]
// CHECK: mend: write 2 numbers, each at least 1
func.func @strides(%x: tensor<1x3x4x4xf32>, %w: tensor<2x3x1x1xf32>) {
  %0 = q.conv %x, %w strides [1, 0] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x4xf32>, tensor<2x3x1x1xf32> -> tensor<1x2x4x4xf32>
  func.return
}

// -----

// The window fits on the input.
// CHECK: error: q.conv has a window of [3, 5] on a padded input of [4, 4]
// CHECK: mend: pad the input, or use a smaller kernel or dilation
func.func @window(%x: tensor<1x1x4x4xf32>, %w: tensor<1x1x3x3xf32>) {
  %0 = q.conv %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 2] groups 1 : tensor<1x1x4x4xf32>, tensor<1x1x3x3xf32> -> tensor<1x1x2x1xf32>
  func.return
}

// -----

// The result has as many elements as there are positions.
// CHECK: error: q.conv gives shape [1, 1, 2, 2], not [1, 1, 4, 4]
func.func @shape(%x: tensor<1x1x4x4xf32>, %w: tensor<1x1x3x3xf32>) {
  %0 = q.conv %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x1x4x4xf32>, tensor<1x1x3x3xf32> -> tensor<1x1x4x4xf32>
  func.return
}

// -----

// The first axis of transposed weights belongs to the input.
// CHECK: error: q.conv_transpose cannot meet an input of 2 channels with weights of shape [3, 2, 2] in 1 groups
func.func @transposed_channels(%x: tensor<1x2x4xf32>, %w: tensor<3x2x2xf32>) {
  %0 = q.conv_transpose %x, %w strides [1] pads [0, 0] output_padding [0] dilations [1] groups 1 : tensor<1x2x4xf32>, tensor<3x2x2xf32> -> tensor<1x2x5xf32>
  func.return
}

// -----

// Output padding has one number an axis.
// CHECK: error: q.conv_transpose has output_padding [1, 1]
// CHECK: mend: write 1 numbers, each at least 0
func.func @output_padding(%x: tensor<1x2x4xf32>, %w: tensor<2x2x2xf32>) {
  %0 = q.conv_transpose %x, %w strides [1] pads [0, 0] output_padding [1, 1] dilations [1] groups 1 : tensor<1x2x4xf32>, tensor<2x2x2xf32> -> tensor<1x2x5xf32>
  func.return
}

// -----

// Pads of a transposed convolution leave something.
// CHECK: error: q.conv_transpose leaves nothing: pads [2, 1] of [3]
// CHECK: mend: use smaller pads
func.func @nothing(%x: tensor<1x1x2xf32>, %w: tensor<1x1x2xf32>) {
  %0 = q.conv_transpose %x, %w strides [1] pads [2, 1] output_padding [0] dilations [1] groups 1 : tensor<1x1x2xf32>, tensor<1x1x2xf32> -> tensor<1x1x1xf32>
  func.return
}
