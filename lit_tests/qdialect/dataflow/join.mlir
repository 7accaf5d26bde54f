// RUN: qopt %s --split-input-file | qopt - --split-input-file | filecheck %s

// A difference has the finer quantum; the bits of a product add; lanes are those of the larger stream.
// CHECK-LABEL: func.func private @joins
// CHECK-NEXT: %a = dataflow.sub %x, %y -> !q.fixed<6, 2>
// CHECK-NEXT: %b = dataflow.mul %a, %y lanes 2 -> !q.fixed<9, 3>
// CHECK-NEXT: func.return %b
func.func private @joins(%x: !dataflow.stream<!q.fixed<5, 2>, lanes = 4, beats = 3>, %y: !dataflow.stream<!q.fixed<3, 1>, lanes = 4, beats = 3>) -> !dataflow.stream<!q.fixed<9, 3>, lanes = 2, beats = 6> {
  %a = dataflow.sub %x, %y -> !q.fixed<6, 2>
  %b = dataflow.mul %a, %y lanes 2 -> !q.fixed<9, 3>
  func.return %b : !dataflow.stream<!q.fixed<9, 3>, lanes = 2, beats = 6>
}

// -----
// A gate for each of 4 channels meets 6 pixels; a number for each of these meets 4 channels, from the left as well.
// CHECK:      %a = dataflow.mul %x, %g repeats [6, 4] range <-4, 4> -> !q.fixed<4, 0>
// CHECK-NEXT: %b = dataflow.sub %p, %a repeats [4, 1] lanes 4 -> !q.fixed<5, 0>
func.func private @gates(%x: !dataflow.stream<!q.fixed<3, 0>, lanes = 2, beats = 12>, %g: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 4>, %p: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 6>) -> !dataflow.stream<!q.fixed<5, 0>, lanes = 4, beats = 6> {
  %a = dataflow.mul %x, %g repeats [6, 4] range <-4, 4> -> !q.fixed<4, 0>
  %b = dataflow.sub %p, %a repeats [4, 1] lanes 4 -> !q.fixed<5, 0>
  func.return %b : !dataflow.stream<!q.fixed<5, 0>, lanes = 4, beats = 6>
}
