// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// One tensor for each phase.
// CHECK: error: q.interleave merges 1 tensors by factors [2]
// CHECK: mend: give one a phase
func.func @number(%a: tensor<1x4xf32>) {
  %0 = q.interleave %a axes [1] factors [2] : tensor<1x4xf32> -> tensor<1x8xf32>
  func.return
}

// -----

// The first phases are the longer ones.
// CHECK: error: q.interleave needs shape [1, 3] of the tensor of phase [0], got [1, 2]
func.func @longer(%a: tensor<1x2xf32>, %b: tensor<1x3xf32>) {
  %0 = q.interleave %a, %b axes [1] factors [2] : tensor<1x2xf32>, tensor<1x3xf32> -> tensor<1x5xf32>
  func.return
}

// -----

// Other axes are the same.
// CHECK: error: q.interleave needs shape [1, 2] of the tensor of phase [1], got [2, 2]
func.func @others(%a: tensor<1x2xf32>, %b: tensor<2x2xf32>) {
  %0 = q.interleave %a, %b axes [1] factors [2] : tensor<1x2xf32>, tensor<2x2xf32> -> tensor<1x4xf32>
  func.return
}

// -----

// There are such axes.
// CHECK: error: q.interleave has axes [2] and factors [1] for 2 axes
// CHECK: mend: name different axes below 2, and for each a factor of at least 1
func.func @axes(%a: tensor<1x2xf32>) {
  %0 = q.interleave %a axes [2] factors [1] : tensor<1x2xf32> -> tensor<1x2xf32>
  func.return
}

// -----

// Something to merge.
// CHECK: error: q.interleave has axes [0] and factors [1] for 0 axes
func.func @nothing() {
  %0 = q.interleave axes [0] factors [1] : -> tensor<1x2xf32>
  func.return
}

// -----

// Channels and pixels have different axes.
// CHECK: error: q.depth_to_space has axes [1, 1] and factors [2] for 2 axes
func.func @same(%a: tensor<1x2xf32>) {
  %0 = q.depth_to_space %a axis 1 axes [1] factors [2] : tensor<1x2xf32> -> tensor<1x2xf32>
  func.return
}

// -----

// Channels divide into phases.
// CHECK: error: q.depth_to_space cannot make 4 pixels of 6 channels
// CHECK: mend: use other factors
func.func @channels(%a: tensor<1x6x2x2xf32>) {
  %0 = q.depth_to_space %a axis 1 axes [2, 3] factors [2, 2] : tensor<1x6x2x2xf32> -> tensor<1x1x4x4xf32>
  func.return
}
