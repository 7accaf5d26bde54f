// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// A row for each channel, or one for all.
// CHECK: error: q.table needs a table of shape [1 or 2, N], got [3, 2]
func.func @rows(%x: tensor<1x2x!q.fixed<2, 0>>) {
  %t = q.constant #q.dense<[[0, 0], [0, 0], [0, 0]] : tensor<3x2x!q.fixed<2, 0>>>
  %0 = q.table %x, %t base 0 : tensor<1x2x!q.fixed<2, 0>>, tensor<3x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<2, 0>>
  func.return
}

// -----

// The table is a constant.
// CHECK: error: q.table needs a constant table
// CHECK: mend: give it the result of a q.constant
func.func @constant(%x: tensor<1x2x!q.fixed<2, 0>>, %t: tensor<1x2x!q.fixed<2, 0>>) {
  %0 = q.table %x, %t base 0 : tensor<1x2x!q.fixed<2, 0>>, tensor<1x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<2, 0>>
  func.return
}

// -----

// The result has the type of the entries.
// CHECK: error: q.table gives tensor<1x2x!q.fixed<2, 0>>, not tensor<1x2x!q.fixed<3, 0>>
func.func @type(%x: tensor<1x2x!q.fixed<2, 0>>) {
  %t = q.constant #q.dense<[[0, 1]] : tensor<1x2x!q.fixed<2, 0>>>
  %0 = q.table %x, %t base 0 : tensor<1x2x!q.fixed<2, 0>>, tensor<1x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<3, 0>>
  func.return
}

// -----

// The axis is one of the input.
// CHECK: error: q.table has axis 2, but its input has 2 axes
func.func @axis(%x: tensor<1x2x!q.fixed<2, 0>>) {
  %t = q.constant #q.dense<[[0, 1]] : tensor<1x2x!q.fixed<2, 0>>>
  %0 = q.table %x, %t base 0 axis 2 : tensor<1x2x!q.fixed<2, 0>>, tensor<1x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<2, 0>>
  func.return
}

// -----

// Two codes are told apart by a threshold.
// CHECK: error: q.table does not take !q.bipolar, whose two codes one threshold tells apart
// CHECK: mend: q.threshold
func.func @bipolar(%x: tensor<1x2x!q.bipolar>) {
  %t = q.constant #q.dense<[[0, 1]] : tensor<1x2x!q.fixed<2, 0>>>
  %0 = q.table %x, %t base 0 : tensor<1x2x!q.bipolar>, tensor<1x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<2, 0>>
  func.return
}
