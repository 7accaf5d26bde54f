// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// The result type must hold every sum.
// CHECK: error: q.add can give codes from -256 to 254, but !q.fixed<8, 0> holds -128 to 127
// CHECK-NEXT: at: {{.*}}elementwise-invalid.mlir:8:3
// CHECK-NEXT: mend: write !q.fixed<9, 0>, or quantize the operands to shorter words
func.func @narrow(%a: tensor<4x!q.fixed<8, 0>>) {
  %0 = q.add %a, %a : tensor<4x!q.fixed<8, 0>>, tensor<4x!q.fixed<8, 0>> -> tensor<4x!q.fixed<8, 0>>
  func.return
}

// -----

// Fraction bits follow from the operands.
// CHECK: error: q.mul gives 8 fraction bits, but !q.fixed<16, 4> has 4
// CHECK: mend: write !q.fixed<16, 8>
func.func @fraction(%a: tensor<4x!q.fixed<8, 4>>) {
  %0 = q.mul %a, %a : tensor<4x!q.fixed<8, 4>>, tensor<4x!q.fixed<8, 4>> -> tensor<4x!q.fixed<16, 4>>
  func.return
}

// -----

// The type must hold the proven range, too.
// CHECK: error: q.add can give codes from -9 to 7, but !q.fixed<4, 0> holds -8 to 7
func.func @proof(%a: tensor<4x!q.fixed<8, 0>>) {
  %0 = q.add %a, %a range <-9, 7> : tensor<4x!q.fixed<8, 0>>, tensor<4x!q.fixed<8, 0>> -> tensor<4x!q.fixed<4, 0>>
  func.return
}

// -----

// Shapes broadcast as in numpy, or not at all.
// CHECK: error: q.add cannot broadcast shapes [4] and [3]
// CHECK: mend: reshape one of them
func.func @shapes(%a: tensor<4xf32>, %b: tensor<3xf32>) {
  %0 = q.add %a, %b : tensor<4xf32>, tensor<3xf32> -> tensor<4xf32>
  func.return
}

// -----

// The result has the broadcast shape.
// CHECK: error: q.add gives shape [4], not [5]
func.func @result(%a: tensor<4xf32>, %b: tensor<1xf32>) {
  %0 = q.add %a, %b : tensor<4xf32>, tensor<1xf32> -> tensor<5xf32>
  func.return
}

// -----

// The kind of the result follows from the kinds of the operands.
// CHECK: error: q.mul of f32 and !q.real gives !q.real, not f32
func.func @kind(%a: tensor<4xf32>, %r: tensor<!q.real>) {
  %0 = q.mul %a, %r : tensor<4xf32>, tensor<!q.real> -> tensor<4xf32>
  func.return
}

// -----

// Exact division needs a constant divisor.
// CHECK: error: q.div of exact numbers needs a constant divisor
// CHECK: mend: keep this division in f32
func.func @divisor(%a: tensor<4x!q.real>, %r: tensor<!q.real>) {
  %0 = q.div %a, %r : tensor<4x!q.real>, tensor<!q.real> -> tensor<4x!q.real>
  func.return
}

// -----

// Nothing is divided by zero.
// CHECK: error: q.div by a constant that holds zero
func.func @zero(%a: tensor<2x!q.real>) {
  %c = q.constant #q.dense<["1/2", "0"] : tensor<2x!q.real>>
  %0 = q.div %a, %c : tensor<2x!q.real>, tensor<2x!q.real> -> tensor<2x!q.real>
  func.return
}

// -----

// A rectified number keeps its fraction bits.
// CHECK: error: q.relu gives 4 fraction bits, but !q.ufixed<7, 3> has 3
func.func @relu(%a: tensor<4x!q.fixed<8, 4>>) {
  %0 = q.relu %a : tensor<4x!q.fixed<8, 4>> -> tensor<4x!q.ufixed<7, 3>>
  func.return
}

// -----

// A rectified tensor keeps its shape.
// CHECK: error: q.relu gives shape [4], not [5]
func.func @relu_shape(%a: tensor<4xf32>) {
  %0 = q.relu %a : tensor<4xf32> -> tensor<5xf32>
  func.return
}

// -----

// A rectified f32 is f32.
// CHECK: error: q.relu of f32 gives f32, not !q.real
func.func @relu_kind(%a: tensor<4xf32>) {
  %0 = q.relu %a : tensor<4xf32> -> tensor<4x!q.real>
  func.return
}

// -----

// A clipped tensor keeps its shape.
// CHECK: error: q.clip gives shape [4], not [5]
func.func @clip(%a: tensor<4xf32>, %l: tensor<f32>) {
  %0 = q.clip %a, %l, %l : tensor<4xf32>, tensor<f32>, tensor<f32> -> tensor<5xf32>
  func.return
}

// -----

// Bounds are as wide as what they bound.
// CHECK: error: q.clip keeps shape [4]
// CHECK: mend: give it bounds that broadcast to that
func.func @clip_bounds(%a: tensor<4xf32>, %l: tensor<2x1xf32>) {
  %0 = q.clip %a, %l, %l : tensor<4xf32>, tensor<2x1xf32>, tensor<2x1xf32> -> tensor<4xf32>
  func.return
}

// -----

// Slopes, too.
// CHECK: error: q.prelu keeps shape [4]
// CHECK: mend: give it slopes that broadcast to that
func.func @slopes(%a: tensor<4xf32>, %l: tensor<2x1xf32>) {
  %0 = q.prelu %a, %l : tensor<4xf32>, tensor<2x1xf32> -> tensor<4xf32>
  func.return
}

// -----

// Clipping by real bounds gives real numbers.
// CHECK: error: q.clip of f32 and !q.real and !q.real gives !q.real, not f32
func.func @clip_kind(%a: tensor<4xf32>, %l: tensor<!q.real>) {
  %0 = q.clip %a, %l, %l : tensor<4xf32>, tensor<!q.real>, tensor<!q.real> -> tensor<4xf32>
  func.return
}

// -----

// A value is defined above its uses.
// CHECK: error: q.relu uses '%late' before it is defined
// CHECK: mend: move the definition above this op
func.func @order(%a: tensor<4xf32>) {
  %0 = q.relu %late : tensor<4xf32> -> tensor<4xf32>
  %late = q.relu %a : tensor<4xf32> -> tensor<4xf32>
  func.return
}
