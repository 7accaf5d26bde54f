// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// The frame is the image.
// CHECK: error: dataflow.slice takes an image of 2 x 2 x 4 elements, but a frame of its input has 24
// CHECK-NEXT: at: {{.*}}slice-invalid.mlir:8:3
// CHECK-NEXT: mend: make both equal
func.func private @frame(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) {
  %a = dataflow.slice %x image [2, 2, 4] starts [0, 0, 0] sizes [1, 2, 4] steps [1, 1, 1] lanes [2, 2]
  func.return
}

// -----
// A part lies within the image.
// CHECK: error: dataflow.slice takes 2 elements from 1 by steps of 2 of axis 1, which has 3
// CHECK: mend: stay within the image
func.func private @part(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) {
  %a = dataflow.slice %x image [2, 3, 4] starts [0, 1, 0] sizes [2, 2, 4] steps [1, 2, 1] lanes [2, 2]
  func.return
}

// -----
// Each beat of the result is made of one of the input.
// CHECK: error: dataflow.slice cannot make beats of 2 lanes, each of one beat of 2
// CHECK: mend: choose lanes from [1, 1], [4, 2]
func.func private @lanes(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) {
  %a = dataflow.slice %x image [2, 3, 4] starts [0, 0, 1] sizes [2, 3, 2] steps [1, 1, 1] lanes [2, 2]
  func.return
}

// -----
// Channels that change their order are there together.
// CHECK: error: dataflow.slice cannot make beats of 1 lanes, each of one beat of 1
// CHECK: mend: choose lanes from [4, 4]
func.func private @order(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) {
  %a = dataflow.slice %x image [2, 3, 4] starts [0, 0, 0] sizes [2, 3, 4] steps [1, 1, 1] order [0, 2, 1, 3] lanes [1, 1]
  func.return
}

// -----
// The list has the channels of the result.
// CHECK: error: dataflow.slice lists 2 channels for 4 from 0 to 3
// CHECK: mend: list so many
func.func private @list(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) {
  %a = dataflow.slice %x image [2, 3, 4] starts [0, 0, 0] sizes [2, 3, 4] steps [1, 1, 1] order [0, 2] lanes [4, 2]
  func.return
}

// -----
// Three axes.
// CHECK: error: dataflow.slice takes image, starts, sizes, steps [rows, columns, channels] and lanes [taken, made]
func.func private @axes(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) {
  %a = dataflow.slice %x image [6, 4] starts [0, 0] sizes [6, 2] steps [1, 1] lanes [2, 2]
  func.return
}

// -----
// The result has the part alone.
// CHECK: error: dataflow.slice makes !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 6>, not !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>
func.func private @type(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) {
  %a = "dataflow.slice"(%x) <{image = array<i64: 2, 3, 4>, starts = array<i64: 0, 0, 0>, sizes = array<i64: 1, 3, 4>, steps = array<i64: 1, 1, 1>, input_lanes = 2 : i64}> : (!dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) -> !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>
  func.return
}

// -----
// Lists of three.
// CHECK: error: dataflow.slice takes a number for rows, columns and channels each
// CHECK: mend: write three in each list
func.func private @lists(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) {
  %a = "dataflow.slice"(%x) <{image = array<i64: 2, 12>, starts = array<i64: 0, 0, 0>, sizes = array<i64: 1, 3, 4>, steps = array<i64: 1, 1, 1>, input_lanes = 2 : i64}> : (!dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) -> !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 6>
  func.return
}
