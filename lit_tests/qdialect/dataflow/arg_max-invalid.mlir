// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// The result is one index a frame.
// CHECK: error: dataflow.arg_max makes !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 1>, not !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 2>
// CHECK-NEXT: at: {{.*}}arg_max-invalid.mlir:8:3
// CHECK-NEXT: mend: write !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 1>
func.func private @type(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %y = "dataflow.arg_max"(%x) : (!dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 2>
  func.return
}

// -----

// A unit takes a stream.
// CHECK: error: a unit takes a stream, not tensor<4x!q.fixed<2, 0>>
// CHECK-NEXT: at: {{.*}}arg_max-invalid.mlir:19:25
// CHECK: mend: correct the text at the caret
func.func private @tensor(%x: tensor<4x!q.fixed<2, 0>>) {
  %y = dataflow.arg_max %x
  func.return
}
