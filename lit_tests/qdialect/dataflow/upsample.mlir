// RUN: qopt %s | qopt - | filecheck %s

// CHECK: %a = dataflow.upsample %x image [2, 3, 4] factors [2, 2]{{$}}
// CHECK-NEXT: %b = dataflow.upsample %a image [4, 6, 4] factors [1, 3] lanes 4 memory distributed {note = "by hand"}
// CHECK-NEXT: func.return %b : !dataflow.stream<!q.ufixed<2, 0>, lanes = 4, beats = 72>
func.func private @upsample(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 12>) -> !dataflow.stream<!q.ufixed<2, 0>, lanes = 4, beats = 72> {
  %a = dataflow.upsample %x image [2, 3, 4] factors [2, 2] lanes 2
  %b = dataflow.upsample %a image [4, 6, 4] factors [1, 3] lanes 4 memory distributed {note = "by hand"}
  func.return %b : !dataflow.stream<!q.ufixed<2, 0>, lanes = 4, beats = 72>
}
