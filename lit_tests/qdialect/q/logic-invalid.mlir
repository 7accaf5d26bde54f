// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// A condition is a truth.
// CHECK: error: q.select needs a condition of type !q.ufixed<1, 0>, not !q.ufixed<2, 0>
// CHECK: mend: q.compare
func.func @condition(%c: tensor<4x!q.ufixed<2, 0>>, %a: tensor<4xf32>) {
  %0 = q.select %c, %a, %a : tensor<4x!q.ufixed<2, 0>>, tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  func.return
}

// -----

// A choice holds what either side can be.
// CHECK: error: q.select can give codes from -128 to 127, but !q.fixed<4, 0> holds -8 to 7
func.func @narrow(%c: tensor<4x!q.ufixed<1, 0>>, %a: tensor<4x!q.fixed<8, 0>>, %b: tensor<4x!q.fixed<4, 0>>) {
  %0 = q.select %c, %a, %b : tensor<4x!q.ufixed<1, 0>>, tensor<4x!q.fixed<8, 0>>, tensor<4x!q.fixed<4, 0>> -> tensor<4x!q.fixed<4, 0>>
  func.return
}

// -----

// A comparison gives a truth of the common shape.
// CHECK: error: q.compare gives tensor<4x!q.ufixed<1, 0>>, not tensor<4x!q.ufixed<2, 0>>
func.func @truth(%a: tensor<4xf32>) {
  %0 = q.compare less %a, %a : tensor<4xf32>, tensor<4xf32> -> tensor<4x!q.ufixed<2, 0>>
  func.return
}
