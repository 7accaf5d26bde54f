// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// A slice stays inside its input.
// CHECK: error: q.slice takes 3 elements from 1 by steps of 1 of axis 0, which has 3
func.func @slice(%x: tensor<3xf32>) {
  %0 = q.slice %x starts [1] sizes [3] steps [1] : tensor<3xf32> -> tensor<3xf32>
  func.return
}

// -----

// A slice says something about every axis.
// CHECK: error: q.slice needs one start, size and step for each of the 2 axes
func.func @slice(%x: tensor<3x4xf32>) {
  %0 = q.slice %x starts [1] sizes [1] steps [1] : tensor<3x4xf32> -> tensor<1x4xf32>
  func.return
}

// -----

// Indices count from 0.
// CHECK: error: q.gather needs at least one index, and indices from 0 to 2
func.func @gather(%x: tensor<3xf32>) {
  %0 = q.gather %x indices [3] axis 0 : tensor<3xf32> -> tensor<1xf32>
  func.return
}

// -----

// There is such an axis.
// CHECK: error: q.gather has axis 1, but its input has 1 axes
func.func @axis(%x: tensor<3xf32>) {
  %0 = q.gather %x indices [0] axis 1 : tensor<3xf32> -> tensor<1xf32>
  func.return
}

// -----

// Joined tensors differ along the axis alone.
// CHECK: error: q.concat along axis 0 cannot join shapes [2, 3] and [2, 4]
func.func @concat(%a: tensor<2x3xf32>, %b: tensor<2x4xf32>) {
  %0 = q.concat %a, %b axis 0 : tensor<2x3xf32>, tensor<2x4xf32> -> tensor<4x3xf32>
  func.return
}

// -----

// There is something to join.
// CHECK: error: q.concat needs at least one tensor
func.func @nothing() {
  %0 = q.concat axis 0 : -> tensor<4x3xf32>
  func.return
}

// -----

// The axis exists.
// CHECK: error: q.concat has axis 2, but its first input has 1 axes
func.func @concat_axis(%a: tensor<2xf32>) {
  %0 = q.concat %a, %a axis 2 : tensor<2xf32>, tensor<2xf32> -> tensor<4xf32>
  func.return
}

// -----

// The type of the result holds all operands, and no more.
// CHECK: error: q.concat gives the element type !q.fixed<5, 0>, not !q.fixed<8, 0>
func.func @type(%a: tensor<2x!q.ufixed<4, 0>>, %b: tensor<2x!q.fixed<4, 0>>) {
  %0 = q.concat %a, %b axis 0 : tensor<2x!q.ufixed<4, 0>>, tensor<2x!q.fixed<4, 0>> -> tensor<4x!q.fixed<8, 0>>
  func.return
}

// -----

// A border is of one number.
// CHECK: error: q.pad needs one number as its value, got shape [1]
func.func @value(%x: tensor<3xf32>, %v: tensor<1xf32>) {
  %0 = q.pad %x, %v low [1] high [1] : tensor<3xf32>, tensor<1xf32> -> tensor<5xf32>
  func.return
}

// -----

// A border adds elements.
// CHECK: error: q.pad needs one number of elements, at least 0, for both ends of the 1 axes
func.func @border(%x: tensor<3xf32>, %v: tensor<f32>) {
  %0 = q.pad %x, %v low [-1] high [1] : tensor<3xf32>, tensor<f32> -> tensor<3xf32>
  func.return
}

// -----

// Only axes of size 1 are repeated.
// CHECK: error: q.expand cannot broadcast [2] to [4]
func.func @expand(%x: tensor<2xf32>) {
  %0 = q.expand %x : tensor<2xf32> -> tensor<4xf32>
  func.return
}

// -----

// No tensor is larger than any memory.
// CHECK: error: '%y' has more elements than any memory: tensor<1x4611686018427387904x4xf32>
func.func @large(%x: tensor<1x1x1xf32>) {
  %y = q.expand %x : tensor<1x1x1xf32> -> tensor<1x4611686018427387904x4xf32>
  func.return
}
