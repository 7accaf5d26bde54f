// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// The frame is the image.
// CHECK: error: dataflow.upsample takes an image of 2 x 2 x 4 elements, but a frame of its input has 24
// CHECK-NEXT: at: {{.*}}upsample-invalid.mlir:8:3
// CHECK-NEXT: mend: make both equal
func.func private @frame(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) {
  %a = dataflow.upsample %x image [2, 2, 4] factors [2, 2]
  func.return
}

// -----
// A beat does not reach from pixel to pixel.
// CHECK: error: dataflow.upsample has 2 lanes, which do not divide the 1 channels
// CHECK: mend: choose one of 1
func.func private @lanes(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) {
  %a = dataflow.upsample %x image [4, 6, 1] factors [2, 2]
  func.return
}

// -----
// Two axes.
// CHECK: error: dataflow.upsample takes image [rows, columns, channels], factors [rows, columns], not [4, 6], [2]
func.func private @axes(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) {
  %a = dataflow.upsample %x image [4, 6] factors [2]
  func.return
}

// -----
// The result has every copy.
// CHECK: error: dataflow.upsample makes !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 24>, not !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>
func.func private @type(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) {
  %a = "dataflow.upsample"(%x) <{image = array<i64: 4, 3, 2>, factors = array<i64: 2, 1>}> : (!dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) -> !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>
  func.return
}
