// RUN: qopt %s | qopt - | filecheck %s

// CHECK: %a = dataflow.slice %x image [2, 3, 4] starts [0, 0, 2] sizes [2, 2, 2] steps [1, 2, 1] lanes [2, 2]{{$}}
// CHECK-NEXT: %b = dataflow.slice %a image [2, 2, 2] starts [0, 0, 0] sizes [2, 2, 2] steps [1, 1, 1] order [1, 0] lanes [2, 2] {note = "by hand"}
// CHECK-NEXT: func.return %b : !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 4>
func.func private @slice(%x: !dataflow.stream<!q.ufixed<2, 0>, lanes = 4, beats = 6>) -> !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 4> {
  %a = dataflow.slice %x image [2, 3, 4] starts [0, 0, 2] sizes [2, 2, 2] steps [1, 2, 1] lanes [2, 2]
  %b = dataflow.slice %a image [2, 2, 2] starts [0, 0, 0] sizes [2, 2, 2] steps [1, 1, 1] order [1, 0] lanes [2, 2] {note = "by hand"}
  func.return %b : !dataflow.stream<!q.ufixed<2, 0>, lanes = 2, beats = 4>
}
