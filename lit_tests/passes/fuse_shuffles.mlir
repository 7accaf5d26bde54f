// RUN: qopt %s --split-input-file -p q-fuse-shuffles | filecheck %s

// Channels of two groups in turns.
// CHECK-LABEL: func.func @shuffle
// CHECK-NEXT: %c = q.gather %x indices [0, 3, 1, 4, 2, 5] axis 1 : tensor<1x6x2x2xf32> -> tensor<1x6x2x2xf32> loc("Reshape_2")
// CHECK-NEXT: func.return %c
func.func @shuffle(%x: tensor<1x6x2x2xf32>) -> tensor<1x6x2x2xf32> {
  %a = q.reshape %x : tensor<1x6x2x2xf32> -> tensor<1x2x3x2x2xf32>
  %b = q.transpose %a perm [0, 2, 1, 3, 4] : tensor<1x2x3x2x2xf32> -> tensor<1x3x2x2x2xf32>
  %c = q.reshape %b : tensor<1x3x2x2x2xf32> -> tensor<1x6x2x2xf32> loc("Reshape_2")
  func.return %c : tensor<1x6x2x2xf32>
}

// -----

// Views that together do nothing go; a value between them that others use does not.
// CHECK-LABEL: func.func @idle
// CHECK-NEXT: func.return %x
func.func @idle(%x: tensor<1x6x2xf32>) -> tensor<1x6x2xf32> {
  %a = q.reshape %x : tensor<1x6x2xf32> -> tensor<1x1x6x2xf32>
  %b = q.transpose %a perm [0, 2, 1, 3] : tensor<1x1x6x2xf32> -> tensor<1x6x1x2xf32>
  %c = q.reshape %b : tensor<1x6x1x2xf32> -> tensor<1x6x2xf32>
  func.return %c : tensor<1x6x2xf32>
}

// -----

// The first view has another user.
// CHECK-LABEL: func.func @used
// CHECK-NOT: q.gather
// CHECK: func.return %a, %c
func.func @used(%x: tensor<1x6x2xf32>) -> (tensor<1x2x3x2xf32>, tensor<1x6x2xf32>) {
  %a = q.reshape %x : tensor<1x6x2xf32> -> tensor<1x2x3x2xf32>
  %b = q.transpose %a perm [0, 2, 1, 3] : tensor<1x2x3x2xf32> -> tensor<1x3x2x2xf32>
  %c = q.reshape %b : tensor<1x3x2x2xf32> -> tensor<1x6x2xf32>
  func.return %a, %c : tensor<1x2x3x2xf32>, tensor<1x6x2xf32>
}

// -----

// Elements that move along two axes stay.
// CHECK-LABEL: func.func @two_axes
// CHECK-NOT: q.gather
// CHECK: func.return
func.func @two_axes(%x: tensor<1x2x2xf32>) -> tensor<1x2x2xf32> {
  %a = q.reshape %x : tensor<1x2x2xf32> -> tensor<1x2x2x1xf32>
  %b = q.transpose %a perm [0, 2, 1, 3] : tensor<1x2x2x1xf32> -> tensor<1x2x2x1xf32>
  %c = q.reshape %b : tensor<1x2x2x1xf32> -> tensor<1x2x2xf32>
  func.return %c : tensor<1x2x2xf32>
}
