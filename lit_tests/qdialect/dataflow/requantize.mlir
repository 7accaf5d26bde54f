// RUN: qopt %s --split-input-file | qopt - --split-input-file | filecheck %s

// Constants for all channels or for each, every rounding by name, other lanes than the input.
// CHECK-LABEL: func.func private @requantize
// CHECK: dataflow.requantize %x, %m, %b shift 4 half_even clip <-8, 7> -> !q.fixed<4, 1>
// CHECK: dataflow.requantize %x, %m, %m shift 0 floor clip <0, 15> lanes 1 -> !q.ufixed<4, 0> loc("Quant_1")
func.func private @requantize(%x: !dataflow.stream<!q.fixed<5, 0>, lanes = 2, beats = 2>) {
  %m = q.constant #q.dense<[3] : tensor<1x!q.ufixed<2, 0>>>
  %b = q.constant #q.dense<[-3, 100] : tensor<2x!q.fixed<8, 0>>>
  %0 = dataflow.requantize %x, %m, %b shift 4 half_even clip <-8, 7> -> !q.fixed<4, 1>
  %1 = dataflow.requantize %x, %m, %m shift 0 floor clip <0, 15> lanes 1 -> !q.ufixed<4, 0> loc("Quant_1")
  func.return
}
