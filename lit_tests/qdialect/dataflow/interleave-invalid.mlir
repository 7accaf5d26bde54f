// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// A stream for each phase.
// CHECK: error: dataflow.interleave merges 1 streams by factors [1, 2]
// CHECK: mend: give one for each phase
func.func private @number(%a: !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 6>) {
  %y = dataflow.interleave %a image [1, 6, 1] factors [1, 2]
  func.return
}

// -----
// The first phases are the longer ones.
// CHECK: error: dataflow.interleave takes 1 x 3 x 2 elements of stream 0, which has 4 a frame
// CHECK: mend: make both equal
func.func private @longer(%a: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 2>, %b: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 3>) {
  %y = dataflow.interleave %a, %b image [1, 5, 2] factors [1, 2]
  func.return
}

// -----
// All numbers have one type.
// CHECK: error: dataflow.interleave takes streams of one element type, not !q.ufixed<2, 0> and !q.ufixed<3, 0>
// CHECK: mend: requantise one of them
func.func private @types(%a: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 2>, %b: !dataflow.stream<!q.ufixed<3, 0>, lanes = 2, beats = 2>) {
  %y = dataflow.interleave %a, %b image [1, 4, 2] factors [1, 2]
  func.return
}

// -----
// A beat does not reach from pixel to pixel.
// CHECK: error: dataflow.interleave has 2 lanes, which do not divide the 1 channels of its result
// CHECK: mend: choose one of 1
func.func private @lanes(%a: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 2>, %b: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 2>) {
  %y = dataflow.interleave %a, %b image [1, 8, 1] factors [1, 2]
  func.return
}

// -----
// Two axes.
// CHECK: error: dataflow.depth_to_space takes image [rows, columns, channels], factors [rows, columns], not [4, 4], [2, 2]
func.func private @axes(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 8>) {
  %y = dataflow.depth_to_space %x image [4, 4] factors [2, 2]
  func.return
}

// -----
// Positive numbers.
// CHECK: error: dataflow.depth_to_space takes image [rows, columns, channels] and factors [rows, columns]
// CHECK: mend: write so many
func.func private @positive(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 8>) {
  %y = "dataflow.depth_to_space"(%x) <{image = array<i64: 2, 2, 4>, factors = array<i64: 0, 2>}> : (!dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 8>) -> !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 8>
  func.return
}

// -----
// The frame is the image.
// CHECK: error: dataflow.depth_to_space takes an image of 2 x 2 x 8 elements, but a frame of its input has 16
// CHECK: mend: make both equal
func.func private @frame(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 8>) {
  %y = dataflow.depth_to_space %x image [2, 2, 8] factors [2, 2]
  func.return
}

// -----
// Channels divide into pixels.
// CHECK: error: dataflow.depth_to_space cannot make 4 pixels of 2 channels
// CHECK: mend: use other factors
func.func private @pixels(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 8>) {
  %y = dataflow.depth_to_space %x image [2, 4, 2] factors [2, 2] lanes 1
  func.return
}

// -----
// The result has every element.
// CHECK: error: dataflow.depth_to_space makes !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 16>, not !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 8>
func.func private @type(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 8>) {
  %y = "dataflow.depth_to_space"(%x) <{image = array<i64: 2, 2, 4>, factors = array<i64: 2, 2>}> : (!dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 8>) -> !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 8>
  func.return
}
