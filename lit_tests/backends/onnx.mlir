// RUN: qopt %s -t onnx -o %t.onnx && qopt %t.onnx | filecheck %s --check-prefix=QCDQ
// RUN: qopt %s -t 'onnx{style=qonnx}' > %t-qonnx.onnx && qopt %t-qonnx.onnx | filecheck %s --check-prefix=QONNX
// RUN: not qopt %s -t 'onnx{style=brevitas}' -o %t-no.onnx 2>&1 | filecheck %s --check-prefix=STYLE
// RUN: not qopt %s -t onnx --split-input-file -o %t-no.onnx 2>&1 | filecheck %s --check-prefix=PARTS

// A file holds the network with the names of its nodes, and reads as the same network again.
// QCDQ: func.func @main(%x: tensor<1x4xf32> {q.name = "x"}) -> (tensor<1x2x!q.ufixed<4, 0>> {q.name = "y"})
// QCDQ-NEXT: q.quantize %x half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<6, 2>> loc("input")
// QCDQ: q.matmul {{.*}} loc("layer")
// QCDQ-NEXT: q.quantize {{.*}} half_even saturate narrow : {{.*}} -> tensor<1x2x!q.ufixed<4, 0>> loc("activation")

// In the other style the width of weights is said too.
// QONNX: func.func @main(%x: tensor<1x4xf32> {q.name = "x"}) -> (tensor<1x2x!q.ufixed<4, 0>> {q.name = "y"})
// QONNX: q.quantize %x half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<6, 2>> loc("input")
// QONNX: q.quantize {{.*}} half_even saturate : tensor<4x2xf32> -> tensor<4x2x!q.fixed<3, 1>> loc("weights")
// QONNX: q.quantize {{.*}} half_even saturate narrow : {{.*}} -> tensor<1x2x!q.ufixed<4, 0>> loc("activation")

// STYLE: error: the target 'onnx' has style=brevitas
// STYLE-NEXT: mend: write one of qcdq, qonnx

// PARTS: error: the target 'onnx' writes a binary file, one for each part of the input
// PARTS-NEXT: mend: leave --split-input-file out
func.func @main(%x: tensor<1x4xf32> {q.name = "x"}) -> (tensor<1x2x!q.ufixed<4, 0>> {q.name = "y"}) {
  %input = q.quantize %x half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<6, 2>> loc("input")
  %weights = q.constant #q.dense<[[1, -1], [2, 3], [-4, 0], [1, 1]] : tensor<4x2x!q.fixed<3, 1>>>
  %layer = q.matmul %input, %weights : tensor<1x4x!q.fixed<6, 2>>, tensor<4x2x!q.fixed<3, 1>> -> tensor<1x2x!q.fixed<9, 3>> loc("layer")
  %y = q.quantize %layer half_even saturate narrow : tensor<1x2x!q.fixed<9, 3>> -> tensor<1x2x!q.ufixed<4, 0>> loc("activation")
  func.return %y : tensor<1x2x!q.ufixed<4, 0>>
}
