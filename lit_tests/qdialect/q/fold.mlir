// RUN: qopt %s -p canonicalize --split-input-file | filecheck %s

// Ops that change nothing fold away; a reshaped reshape is one.
// CHECK-LABEL: func.func @nothing
// CHECK-NEXT: func.return %x, %x, %x, %x
func.func @nothing(%x: tensor<1x4x!q.fixed<8, 0>>) -> (tensor<1x4x!q.fixed<8, 0>>, tensor<1x4x!q.fixed<8, 0>>, tensor<1x4x!q.fixed<8, 0>>, tensor<1x4x!q.fixed<8, 0>>) {
  %zero = q.constant #q.dense<0 : tensor<!q.fixed<8, 0>>>
  %one = q.constant #q.dense<1 : tensor<!q.fixed<8, 0>>>
  %0 = q.add %zero, %x : tensor<!q.fixed<8, 0>>, tensor<1x4x!q.fixed<8, 0>> -> tensor<1x4x!q.fixed<8, 0>>
  %1 = q.mul %x, %one : tensor<1x4x!q.fixed<8, 0>>, tensor<!q.fixed<8, 0>> -> tensor<1x4x!q.fixed<8, 0>>
  %2 = q.transpose %x perm [0, 1] : tensor<1x4x!q.fixed<8, 0>> -> tensor<1x4x!q.fixed<8, 0>>
  %3 = q.reshape %x : tensor<1x4x!q.fixed<8, 0>> -> tensor<2x2x!q.fixed<8, 0>>
  %4 = q.reshape %3 : tensor<2x2x!q.fixed<8, 0>> -> tensor<1x4x!q.fixed<8, 0>>
  func.return %0, %1, %2, %4 : tensor<1x4x!q.fixed<8, 0>>, tensor<1x4x!q.fixed<8, 0>>, tensor<1x4x!q.fixed<8, 0>>, tensor<1x4x!q.fixed<8, 0>>
}

// -----

// Moved constants are constants.
// CHECK-LABEL: func.func @constant
// CHECK: q.constant #q.dense<[[1, 3], [2, 4]] : tensor<2x2x!q.fixed<8, 0>>>
// CHECK: q.constant #q.dense<[1, 2, 3, 4] : tensor<4x!q.fixed<8, 0>>>
func.func @constant() -> (tensor<2x2x!q.fixed<8, 0>>, tensor<4x!q.fixed<8, 0>>) {
  %c = q.constant #q.dense<[[1, 2], [3, 4]] : tensor<2x2x!q.fixed<8, 0>>>
  %0 = q.transpose %c perm [1, 0] : tensor<2x2x!q.fixed<8, 0>> -> tensor<2x2x!q.fixed<8, 0>>
  %1 = q.reshape %c : tensor<2x2x!q.fixed<8, 0>> -> tensor<4x!q.fixed<8, 0>>
  func.return %0, %1 : tensor<2x2x!q.fixed<8, 0>>, tensor<4x!q.fixed<8, 0>>
}

// -----

// A sum that changes the type stays: the next op may need the wider type. Float32 stays too: -0.0 + 0.0 is 0.0.
// CHECK-LABEL: func.func @stays
// CHECK: q.add
// CHECK: q.add
func.func @stays(%x: tensor<4x!q.fixed<8, 0>>, %f: tensor<4xf32>) -> (tensor<4x!q.fixed<9, 0>>, tensor<4xf32>) {
  %zero = q.constant #q.dense<0 : tensor<!q.fixed<8, 0>>>
  %null = q.constant #q.dense<0.0 : tensor<f32>>
  %0 = q.add %x, %zero : tensor<4x!q.fixed<8, 0>>, tensor<!q.fixed<8, 0>> -> tensor<4x!q.fixed<9, 0>>
  %1 = q.add %f, %null : tensor<4xf32>, tensor<f32> -> tensor<4xf32>
  func.return %0, %1 : tensor<4x!q.fixed<9, 0>>, tensor<4xf32>
}

// -----

// Parts that are the whole, joints of one tensor and borders of nothing fold away; moved constants are constants.
// CHECK-LABEL: func.func @moves
// CHECK-NEXT: [[P:%.*]] = q.constant #q.dense<[0, 3, 1] : tensor<3x!q.fixed<8, 0>>>
// CHECK-NEXT: [[J:%.*]] = q.constant #q.dense<[1, 2, 3, 3, 3] : tensor<5x!q.fixed<8, 0>>>
// CHECK-NEXT: func.return %x, %x, %x, %x, [[P]], [[J]]
func.func @moves(%x: tensor<4x!q.fixed<8, 0>>) -> (tensor<4x!q.fixed<8, 0>>, tensor<4x!q.fixed<8, 0>>, tensor<4x!q.fixed<8, 0>>, tensor<4x!q.fixed<8, 0>>, tensor<3x!q.fixed<8, 0>>, tensor<5x!q.fixed<8, 0>>) {
  %c = q.constant #q.dense<[1, 2, 3] : tensor<3x!q.fixed<8, 0>>>
  %zero = q.constant #q.dense<0 : tensor<!q.fixed<8, 0>>>
  %0 = q.slice %x starts [0] sizes [4] steps [1] : tensor<4x!q.fixed<8, 0>> -> tensor<4x!q.fixed<8, 0>>
  %1 = q.concat %x axis 0 : tensor<4x!q.fixed<8, 0>> -> tensor<4x!q.fixed<8, 0>>
  %2 = q.pad %x, %zero low [0] high [0] : tensor<4x!q.fixed<8, 0>>, tensor<!q.fixed<8, 0>> -> tensor<4x!q.fixed<8, 0>>
  %3 = q.expand %x : tensor<4x!q.fixed<8, 0>> -> tensor<4x!q.fixed<8, 0>>
  %4 = q.slice %c starts [2] sizes [2] steps [-2] : tensor<3x!q.fixed<8, 0>> -> tensor<2x!q.fixed<8, 0>>
  %5 = q.pad %4, %zero low [1] high [0] : tensor<2x!q.fixed<8, 0>>, tensor<!q.fixed<8, 0>> -> tensor<3x!q.fixed<8, 0>>
  %6 = q.gather %c indices [2, 2] axis 0 : tensor<3x!q.fixed<8, 0>> -> tensor<2x!q.fixed<8, 0>>
  %7 = q.concat %c, %6 axis 0 : tensor<3x!q.fixed<8, 0>>, tensor<2x!q.fixed<8, 0>> -> tensor<5x!q.fixed<8, 0>>
  func.return %0, %1, %2, %3, %5, %7 : tensor<4x!q.fixed<8, 0>>, tensor<4x!q.fixed<8, 0>>, tensor<4x!q.fixed<8, 0>>, tensor<4x!q.fixed<8, 0>>, tensor<3x!q.fixed<8, 0>>, tensor<5x!q.fixed<8, 0>>
}
