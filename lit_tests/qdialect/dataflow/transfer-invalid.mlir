// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// Lanes divide the elements.
// CHECK: error: dataflow.send cannot make beats of 3 lanes from 4 elements a frame
// CHECK-NEXT: at: {{.*}}transfer-invalid.mlir:8:25
// CHECK: mend: choose lanes from 1, 2, 4
func.func private @lanes(%x: tensor<4x!q.fixed<2, 0>>) {
  %y = dataflow.send %x lanes 3
  func.return
}

// -----

// The host sends codes.
// CHECK: error: dataflow.send takes a tensor of codes, not tensor<4xf32>
// CHECK-NEXT: at: {{.*}}transfer-invalid.mlir:19:22
// CHECK: mend: correct the text at the caret
func.func private @float(%x: tensor<4xf32>) {
  %y = dataflow.send %x lanes 2
  func.return
}

// -----

// A frame is a whole tensor.
// CHECK: error: dataflow.receive moves 3 elements a frame, but the stream has 4
// CHECK-NEXT: at: {{.*}}transfer-invalid.mlir:30:3
// CHECK-NEXT: mend: make both equal
func.func private @elements(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %y = dataflow.receive %x -> tensor<3x!q.fixed<2, 0>>
  func.return
}

// -----

// Elements keep their type.
// CHECK: error: dataflow.receive keeps the element type !q.fixed<3, 0>, but the stream has !q.fixed<2, 0>
// CHECK-NEXT: at: {{.*}}transfer-invalid.mlir:41:3
// CHECK-NEXT: mend: make both equal
func.func private @type(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %y = dataflow.receive %x -> tensor<4x!q.fixed<3, 0>>
  func.return
}
