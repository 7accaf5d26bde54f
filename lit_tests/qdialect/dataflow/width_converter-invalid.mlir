// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// Lanes divide a frame.
// CHECK: error: dataflow.width_converter cannot make beats of 3 lanes from 4 elements a frame
// CHECK-NEXT: at: {{.*}}width_converter-invalid.mlir:8:36
// CHECK: mend: choose lanes from 1, 2, 4
func.func private @lanes(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %y = dataflow.width_converter %x lanes 3
  func.return
}

// -----

// A converter changes no element.
// CHECK: error: dataflow.width_converter keeps the element type !q.fixed<2, 0>, not !q.fixed<3, 0>
// CHECK-NEXT: at: {{.*}}width_converter-invalid.mlir:19:3
// CHECK-NEXT: mend: write !q.fixed<2, 0>
func.func private @type(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %y = "dataflow.width_converter"(%x) : (!dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<3, 0>, lanes = 2, beats = 2>
  func.return
}

// -----

// A converter loses no element.
// CHECK: error: dataflow.width_converter keeps the 4 elements of a frame, but its result has 6
// CHECK-NEXT: at: {{.*}}width_converter-invalid.mlir:30:3
// CHECK-NEXT: mend: write beats = 2 for lanes = 2
func.func private @frame(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) {
  %y = "dataflow.width_converter"(%x) : (!dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.fixed<2, 0>, lanes = 2, beats = 3>
  func.return
}
