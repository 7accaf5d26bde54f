// RUN: qopt %s -p 'q-set-input-format{input-format="x: fixed<20, 4>"}' --split-input-file --verify-diagnostics | filecheck %s

// The name must be that of an input.
func.func @main(%x: tensor<1xf32> {q.name = "image"}, %y: tensor<1xf32>) -> tensor<1xf32> {
  func.return %x : tensor<1xf32>
}
// CHECK:      error: the network has no input 'x'
// CHECK-NEXT: at: {{.*}}:4:1
// CHECK-NEXT: mend: its inputs are 'image', 'y'

// -----
// Codes of more than 16 bits are not enumerated.
func.func @main(%x: tensor<1xf32> {q.name = "x"}) -> tensor<1x!q.fixed<2, 0>> {
  %0 = q.quantize %x half_even saturate : tensor<1xf32> -> tensor<1x!q.fixed<2, 0>> loc("Quant_0")
  func.return %0 : tensor<1x!q.fixed<2, 0>>
}
// CHECK:      error: input 'x' has 20 bits in front of its quantiser, limit is 16
// CHECK-NEXT: at: node 'Quant_0', {{.*}}
// CHECK-NEXT: mend: give it at most 16 bits, or no format: then the host quantises

// -----
// An input of another integer type has its format already.
func.func @main(%x: tensor<1x!q.fixed<2, 0>> {q.name = "x"}) -> tensor<1x!q.fixed<2, 0>> {
  func.return %x : tensor<1x!q.fixed<2, 0>>
}
// CHECK:      error: input 'x' already holds !q.fixed<2, 0>
// CHECK-NEXT: at: {{.*}}
// CHECK-NEXT: mend: give a format to float32 inputs only

// -----
// There is no network without @main.
func.func @other(%x: tensor<1xf32>) -> tensor<1xf32> {
  func.return %x : tensor<1xf32>
}
// CHECK:      error: the module has no function @main
// CHECK-NEXT: mend: name the network's function @main
