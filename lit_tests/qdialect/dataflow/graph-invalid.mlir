// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// A fork has two copies.
// CHECK: error: dataflow.fork makes 1 copies
// CHECK-NEXT: at: {{.*}}graph-invalid.mlir:8:3
// CHECK-NEXT: mend: make at least 2, or remove the fork
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %y: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %z: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 6>, %u: !dataflow.stream<!q.fixed<4, 1>, lanes = 1, beats = 4>) {
  %a = dataflow.fork %x copies 1
  func.return
}

// -----

// Frames are of equal size.
// CHECK: error: dataflow.add joins frames of equal size, not of 4 and 6 elements
// CHECK-NEXT: at: {{.*}}graph-invalid.mlir:19:3
// CHECK-NEXT: mend: make both equal
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %y: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %z: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 6>, %u: !dataflow.stream<!q.fixed<4, 1>, lanes = 1, beats = 4>) {
  %a = dataflow.add %x, %z -> !q.fixed<3, 0>
  func.return
}

// -----

// Every sum has a place.
// CHECK: error: dataflow.add can give codes from -4 to 2, but !q.fixed<2, 0> holds -2 to 1
// CHECK-NEXT: at: {{.*}}graph-invalid.mlir:30:3
// CHECK-NEXT: mend: write !q.fixed<3, 0>, or quantize the operands to shorter words
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %y: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %z: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 6>, %u: !dataflow.stream<!q.fixed<4, 1>, lanes = 1, beats = 4>) {
  %a = dataflow.add %x, %y -> !q.fixed<2, 0>
  func.return
}

// -----

// The finer quantum stays.
// CHECK: error: dataflow.add gives 1 fraction bits, but !q.fixed<5, 0> has 0
// CHECK-NEXT: at: {{.*}}graph-invalid.mlir:41:3
// CHECK-NEXT: mend: write !q.fixed<5, 1>
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %y: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %z: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 6>, %u: !dataflow.stream<!q.fixed<4, 1>, lanes = 1, beats = 4>) {
  %a = dataflow.add %x, %u -> !q.fixed<5, 0>
  func.return
}

// -----

// Lanes go into a frame.
// CHECK: error: dataflow.add cannot make beats of 3 lanes from 4 elements a frame
// CHECK: mend: choose lanes from 1, 2, 4
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %y: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %z: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 6>, %u: !dataflow.stream<!q.fixed<4, 1>, lanes = 1, beats = 4>) {
  %a = dataflow.add %x, %y lanes 3 -> !q.fixed<3, 0>
  func.return
}

// -----

// Lanes go into the channels of each stream.
// CHECK: error: dataflow.concat has 2 lanes, which do not divide the channels [2, 3]
// CHECK-NEXT: at: {{.*}}graph-invalid.mlir:62:3
// CHECK-NEXT: mend: choose one of 1
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %y: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %z: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 6>, %u: !dataflow.stream<!q.fixed<4, 1>, lanes = 1, beats = 4>) {
  %a = dataflow.concat %x, %z channels [2, 3] lanes 2 -> !q.fixed<2, 0>
  func.return
}

// -----

// Channels of each stream.
// CHECK: error: dataflow.concat joins 2 streams with 1 numbers of channels
// CHECK-NEXT: at: {{.*}}graph-invalid.mlir:73:3
// CHECK-NEXT: mend: give two streams or more, and the channels of each
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %y: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %z: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 6>, %u: !dataflow.stream<!q.fixed<4, 1>, lanes = 1, beats = 4>) {
  %a = dataflow.concat %x, %z channels [2] -> !q.fixed<2, 0>
  func.return
}

// -----

// Channels go into a frame.
// CHECK: error: dataflow.concat takes 3 channels of a stream of 4 elements a frame
// CHECK-NEXT: at: {{.*}}graph-invalid.mlir:84:3
// CHECK-NEXT: mend: choose a divisor
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %y: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %z: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 6>, %u: !dataflow.stream<!q.fixed<4, 1>, lanes = 1, beats = 4>) {
  %a = dataflow.concat %x, %z channels [3, 3] -> !q.fixed<2, 0>
  func.return
}

// -----

// As many pixels in each stream.
// CHECK: error: dataflow.concat joins frames of 2, 3 pixels
// CHECK-NEXT: at: {{.*}}graph-invalid.mlir:95:3
// CHECK-NEXT: mend: give each stream its channels a pixel
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %y: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %z: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 6>, %u: !dataflow.stream<!q.fixed<4, 1>, lanes = 1, beats = 4>) {
  %a = dataflow.concat %x, %z channels [2, 2] -> !q.fixed<2, 0>
  func.return
}

// -----

// Every code has a place.
// CHECK: error: dataflow.concat can give codes from -8 to 7, but !q.fixed<3, 1> holds -4 to 3
// CHECK-NEXT: at: {{.*}}graph-invalid.mlir:106:3
// CHECK-NEXT: mend: write !q.fixed<4, 1>, or quantize the operands to shorter words
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %y: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %z: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 6>, %u: !dataflow.stream<!q.fixed<4, 1>, lanes = 1, beats = 4>) {
  %a = dataflow.concat %x, %u channels [1, 1] -> !q.fixed<3, 1>
  func.return
}
