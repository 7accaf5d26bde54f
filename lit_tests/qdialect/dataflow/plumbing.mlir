// RUN: qopt %s --split-input-file | qopt - --split-input-file | filecheck %s

// Converters, FIFOs and arg-max name only what does not follow from their input.
// CHECK-LABEL: func.func private @plumbing
// CHECK: %c = dataflow.width_converter %x lanes 6
// CHECK-NEXT: %f = dataflow.fifo %c depth 3
// CHECK-NEXT: %i = dataflow.arg_max %f
// CHECK-NEXT: func.return %i : !dataflow.stream<!q.ufixed<4, 0>, lanes = 1, beats = 1>
func.func private @plumbing(%x: !dataflow.stream<!q.fixed<5, 2>, lanes = 4, beats = 3>) -> !dataflow.stream<!q.ufixed<4, 0>, lanes = 1, beats = 1> {
  %c = dataflow.width_converter %x lanes 6
  %f = dataflow.fifo %c depth 3
  %i = dataflow.arg_max %f
  func.return %i : !dataflow.stream<!q.ufixed<4, 0>, lanes = 1, beats = 1>
}

// -----

// The host sends tensors and receives them.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %0 = dataflow.send %x lanes 2
// CHECK-NEXT: %1 = dataflow.receive %0 -> tensor<4x!q.fixed<2, 0>>
func.func @main(%x: tensor<1x4x!q.fixed<2, 0>>) -> tensor<4x!q.fixed<2, 0>> {
  %0 = dataflow.send %x lanes 2
  %1 = dataflow.receive %0 -> tensor<4x!q.fixed<2, 0>>
  func.return %1 : tensor<4x!q.fixed<2, 0>>
}

// -----

// Attributes of a user stay.
// CHECK: dataflow.fifo %x depth 2 {note = "by hand"}
func.func private @note(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 1>) {
  %0 = dataflow.fifo %x depth 2 {note = "by hand"}
  func.return
}
