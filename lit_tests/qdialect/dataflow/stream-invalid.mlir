// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// A stream carries integer codes.
// CHECK: error: !dataflow.stream cannot carry !q.real
// CHECK-NEXT: at: {{.*}}stream-invalid.mlir:7:42
// CHECK: mend: quantise to !q.fixed, !q.ufixed or !q.bipolar before the hardware part
func.func private @real(!dataflow.stream<!q.real, lanes = 1, beats = 4>)

// -----

// A frame has lanes and beats.
// CHECK: error: !dataflow.stream needs at least 1 lane and 1 beat, got lanes = 0, beats = 4
// CHECK-NEXT: at: {{.*}}stream-invalid.mlir:15:43
// CHECK: mend: correct the text at the caret
func.func private @lanes(!dataflow.stream<!q.bipolar, lanes = 0, beats = 4>)

// -----

// Fields are named.
// CHECK: error: Expected 'lanes'
// CHECK-NEXT: at: {{.*}}stream-invalid.mlir:23:55
// CHECK: mend: correct the text at the caret
func.func private @names(!dataflow.stream<!q.bipolar, 4, 4>)
