// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// Frames of two sizes need to say how the smaller one repeats.
// CHECK: error: dataflow.mul joins frames of equal size, not of 12 and 4 elements
// CHECK: mend: make both equal, or write 'repeats [times, run]'
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 12>, %g: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %s: !dataflow.stream<!q.bipolar, lanes = 1, beats = 12>) {
  %y = dataflow.mul %x, %g -> !q.fixed<4, 0>
  func.return
}

// -----
// The smaller frame comes as often as the larger one is larger.
// CHECK: error: dataflow.mul repeats 4 elements 2 times for 12
// CHECK: mend: write repeats [3, 4]
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 12>, %g: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %s: !dataflow.stream<!q.bipolar, lanes = 1, beats = 12>) {
  %y = dataflow.mul %x, %g repeats [2, 4] -> !q.fixed<4, 0>
  func.return
}

// -----
// Frames of one size do not repeat.
// CHECK: error: dataflow.mul repeats 12 elements 2 times for 12
// CHECK: mend: remove 'repeats'
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 12>, %g: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %s: !dataflow.stream<!q.bipolar, lanes = 1, beats = 12>) {
  %y = dataflow.mul %x, %x repeats [2, 4] -> !q.fixed<4, 0>
  func.return
}

// -----
// A run is a part of the smaller frame.
// CHECK: error: dataflow.add repeats runs of 3 of 4 elements
// CHECK: mend: choose a run from 1, 2, 4
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 12>, %g: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %s: !dataflow.stream<!q.bipolar, lanes = 1, beats = 12>) {
  %y = dataflow.add %x, %g repeats [3, 3] -> !q.fixed<3, 0>
  func.return
}

// -----
// Lanes divide a run.
// CHECK: error: dataflow.mul has 6 lanes, which do not divide the run of 4
// CHECK: mend: choose one of 1, 2, 4
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 12>, %g: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %s: !dataflow.stream<!q.bipolar, lanes = 1, beats = 12>) {
  %y = dataflow.mul %x, %g repeats [3, 4] lanes 6 -> !q.fixed<4, 0>
  func.return
}

// -----
// Lanes divide the times of a run of one.
// CHECK: error: dataflow.mul has 2 lanes, which do not divide the times of 3
// CHECK: mend: choose one of 1, 3
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 12>, %g: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %s: !dataflow.stream<!q.bipolar, lanes = 1, beats = 12>) {
  %y = dataflow.mul %x, %g repeats [3, 1] lanes 2 -> !q.fixed<4, 0>
  func.return
}

// -----
// Two numbers say it.
// CHECK: error: repeats takes 2 numbers, got 1
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 12>, %g: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %s: !dataflow.stream<!q.bipolar, lanes = 1, beats = 12>) {
  %y = dataflow.mul %x, %g repeats [3] -> !q.fixed<4, 0>
  func.return
}

// -----
// A product of signs is a number.
// CHECK: error: dataflow.mul gives numbers, not signs
// CHECK: mend: write !q.fixed<2, 0>, and a threshold behind it
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 12>, %g: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %s: !dataflow.stream<!q.bipolar, lanes = 1, beats = 12>) {
  %y = dataflow.mul %s, %s -> !q.bipolar
  func.return
}

// -----
// The type holds every product.
// CHECK: error: dataflow.mul can give codes from -2 to 4, but !q.fixed<3, 0> holds -4 to 3
// CHECK: mend: write !q.fixed<4, 0>, or quantize the operands to shorter words
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 12>, %g: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %s: !dataflow.stream<!q.bipolar, lanes = 1, beats = 12>) {
  %y = dataflow.mul %x, %x -> !q.fixed<3, 0>
  func.return
}

// -----
// The second operand of a difference is negated.
// CHECK: error: dataflow.sub can give codes from -3 to 3, but !q.fixed<2, 0> holds -2 to 1
// CHECK: mend: write !q.fixed<3, 0>, or quantize the operands to shorter words
func.func private @f(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 12>, %g: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %s: !dataflow.stream<!q.bipolar, lanes = 1, beats = 12>) {
  %y = dataflow.sub %x, %x -> !q.fixed<2, 0>
  func.return
}
