// RUN: qopt %s --split-input-file | filecheck %s

// Every element type prints as it is written.
// CHECK-LABEL: func.func private @types
// CHECK-SAME: tensor<2x!q.fixed<8, 4>>
// CHECK-SAME: tensor<2x!q.ufixed<1, -3>>
// CHECK-SAME: tensor<!q.fixed<4, 9>>
// CHECK-SAME: tensor<2x!q.bipolar>
// CHECK-SAME: tensor<2x!q.float<4, 3>>
// CHECK-SAME: tensor<2x!q.float<4, 3, bias = 3, specials = fn, flush>>
// CHECK-SAME: tensor<2x!q.real>
func.func private @types(
  tensor<2x!q.fixed<8, 4>>, tensor<2x!q.ufixed<1, -3>>, tensor<!q.fixed<4, 9>>, tensor<2x!q.bipolar>,
  tensor<2x!q.float<4, 3>>, tensor<2x!q.float<4, 3, bias = 3, specials = fn, flush>>, tensor<2x!q.real>) -> ()

// -----

// An option that equals its default is not printed.
// CHECK-LABEL: func.func private @defaults
// CHECK-SAME: tensor<2x!q.float<4, 3>>
func.func private @defaults(tensor<2x!q.float<4, 3, bias = 7, specials = none>>) -> ()

// -----

// A shared type names the type of its values.
// CHECK-LABEL: func.func private @shared
// CHECK-SAME: tensor<2x!q.shared<16, !q.fixed<8, 4>>>
// CHECK-SAME: tensor<2x!q.shared<1, !q.bipolar>>
func.func private @shared(tensor<2x!q.shared<16, !q.fixed<8, 4>>>, tensor<2x!q.shared<1, !q.bipolar>>) -> ()
