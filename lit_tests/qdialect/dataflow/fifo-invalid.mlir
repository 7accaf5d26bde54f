// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// A FIFO has room for a beat.
// CHECK: error: depth is at least 1, got 0
// CHECK-NEXT: at: {{.*}}fifo-invalid.mlir:8:31
// CHECK: mend: correct the text at the caret
func.func private @depth(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %y = dataflow.fifo %x depth 0
  func.return
}

// -----

// An operand is defined.
// CHECK: error: %z is not defined above
// CHECK-NEXT: at: {{.*}}fifo-invalid.mlir:19:22
// CHECK: mend: correct the text at the caret
func.func private @undefined(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %y = dataflow.fifo %z depth 2
  func.return
}
