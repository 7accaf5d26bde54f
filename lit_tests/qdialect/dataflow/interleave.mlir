// RUN: qopt %s | qopt - | filecheck %s

// CHECK-LABEL: @interleave
// CHECK-NEXT: %y = dataflow.interleave %a, %b image [1, 5, 2] factors [1, 2]{{$}}
// CHECK-NEXT: %z = dataflow.interleave %a, %b image [1, 5, 2] factors [1, 2] lanes 1 {note = "by hand"}
// CHECK-NEXT: func.return %z : !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 10>
func.func private @interleave(%a: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 3>, %b: !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 10> {
  %y = dataflow.interleave %a, %b image [1, 5, 2] factors [1, 2] lanes 2
  %z = dataflow.interleave %a, %b image [1, 5, 2] factors [1, 2] lanes 1 {note = "by hand"}
  func.return %z : !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 10>
}

// CHECK-LABEL: @depth_to_space
// CHECK-NEXT: %y = dataflow.depth_to_space %x image [2, 3, 8] factors [2, 2]{{$}}
// CHECK-NEXT: %z = dataflow.depth_to_space %y image [4, 6, 2] factors [1, 2] lanes 1 memory block
// CHECK-NEXT: func.return %z : !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 48>
func.func private @depth_to_space(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 24>) -> !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 48> {
  %y = dataflow.depth_to_space %x image [2, 3, 8] factors [2, 2]
  %z = dataflow.depth_to_space %y image [4, 6, 2] factors [1, 2] lanes 1 memory block
  func.return %z : !dataflow.stream<!q.ufixed<2, 0>, lanes = 1, beats = 48>
}
