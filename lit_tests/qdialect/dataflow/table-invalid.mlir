// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// One entry a code.
// CHECK: error: dataflow.table has a table of shape [1, 3] for elements of 2 bits
// CHECK-NEXT: at: {{.*}}table-invalid.mlir:9:3
// CHECK-NEXT: mend: give 4 entries for all channels, or for each of them
func.func private @entries(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 6>) {
  %t = q.constant #q.dense<[[0, 1, -1]] : tensor<1x3x!q.fixed<2, 1>>>
  %a = dataflow.table %x, %t
  func.return
}

// -----
// One row a channel.
// CHECK: error: dataflow.table has a table of shape [4, 2] for elements of 1 bits
func.func private @channels(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 6>) {
  %t = q.constant #q.dense<[[0, 1], [0, 0], [1, 1], [1, 0]] : tensor<4x2x!q.fixed<2, 1>>>
  %a = dataflow.table %x, %t
  func.return
}

// -----
// Long words have no table.
// CHECK: error: dataflow.table has elements of 17 bits, and tables have at most 16
// CHECK: mend: quantise to a shorter word before
func.func private @width(%x: !dataflow.stream<!q.fixed<17, 0>, lanes = 1, beats = 6>) {
  %t = q.constant #q.dense<[[0, 1]] : tensor<1x2x!q.fixed<2, 1>>>
  %a = dataflow.table %x, %t
  func.return
}

// -----
// Entries are codes.
// CHECK: error: entries are a tensor of codes, not tensor<1x2xf32>
func.func private @numbers(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 6>) {
  %t = q.constant #q.dense<[[0.5, 1.0]] : tensor<1x2xf32>>
  %a = dataflow.table %x, %t
  func.return
}

// -----
// The result holds entries.
// CHECK: error: dataflow.table gives entries of type !q.fixed<2, 1>, not !q.fixed<2, 0>
// CHECK: mend: make both equal
func.func private @type(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 6>) {
  %t = q.constant #q.dense<[[0, 1]] : tensor<1x2x!q.fixed<2, 1>>>
  %a = "dataflow.table"(%x, %t) : (!dataflow.stream<!q.bipolar, lanes = 1, beats = 6>, tensor<1x2x!q.fixed<2, 1>>) -> !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 6>
  func.return
}
