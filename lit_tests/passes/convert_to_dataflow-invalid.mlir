// RUN: qopt %s -p q-convert-to-dataflow --split-input-file --verify-diagnostics | filecheck %s

// There is nothing to convert before q-partition.
// CHECK: error: the module has no function @hardware
// CHECK-NEXT: mend: run q-partition and q-convert-to-dataflow before, or build
func.func @main(%x: tensor<1xf32>) -> tensor<1xf32> {
  func.return %x : tensor<1xf32>
}

// -----

// Every op without a unit is named, with its reason; what hangs on it is not.
// A reason that holds for several ops is given once, with all their places.
// CHECK: error: 4 ops have no hardware unit:
// CHECK-NEXT: q.relu has no hardware unit yet, node 'Relu_0', {{.*}}convert_to_dataflow-invalid.mlir:20:3; nearest: put a quantiser behind it: both together become thresholds
// CHECK-NEXT: q.transpose [1, 0] changes the order of elements in a frame, node 'Transpose_1', {{.*}}convert_to_dataflow-invalid.mlir:21:3; move the transposition out of the network, or fold it into the weights of a neighbour
// CHECK-NEXT: q.arg_max along axis 1 of [2, 2] is not one for the whole frame, 2 ops; keep it behind the last quantised layer, where the host computes it; at node 'ArgMax_2', {{.*}}convert_to_dataflow-invalid.mlir:22:3; {{.*}}convert_to_dataflow-invalid.mlir:23:3
// CHECK-NEXT: mend: see each line
func.func private @hardware(%x: tensor<2x2x!q.fixed<3, 0>>) -> tensor<2x!q.ufixed<1, 0>> {
  %r = q.relu %x : tensor<2x2x!q.fixed<3, 0>> -> tensor<2x2x!q.ufixed<2, 0>> loc("Relu_0")
  %t = q.transpose %x perm [1, 0] : tensor<2x2x!q.fixed<3, 0>> -> tensor<2x2x!q.fixed<3, 0>> loc("Transpose_1")
  %i = q.arg_max %x axis 1 : tensor<2x2x!q.fixed<3, 0>> -> tensor<2x!q.ufixed<1, 0>> loc("ArgMax_2")
  %j = q.arg_max %t axis 1 : tensor<2x2x!q.fixed<3, 0>> -> tensor<2x!q.ufixed<1, 0>>
  func.return %i : tensor<2x!q.ufixed<1, 0>>
}

// -----

// A real scale between units.
// CHECK: error: q.mul works on !q.real, hardware on integer codes
// CHECK-NEXT: at: node 'Mul_0', {{.*}}convert_to_dataflow-invalid.mlir:35:3
// CHECK-NEXT: mend: run q-streamline and q-lower-quantizers-to-thresholds first
func.func private @hardware(%x: tensor<2x!q.fixed<3, 0>>) -> tensor<2x!q.real> {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %y = q.mul %x, %s : tensor<2x!q.fixed<3, 0>>, tensor<!q.real> -> tensor<2x!q.real> loc("Mul_0")
  func.return %y : tensor<2x!q.real>
}

// -----

// A product of two computed matrices.
// CHECK: error: q.matmul of tensor<2x2x!q.fixed<2, 0>> and tensor<2x2x!q.fixed<2, 0>> has no constant two-dimensional operand
// CHECK-NEXT: at: node 'MatMul_0', {{.*}}convert_to_dataflow-invalid.mlir:46:3
// CHECK-NEXT: mend: hardware multiplies by a constant matrix: export the layer with fixed weights
func.func private @hardware(%x: tensor<2x2x!q.fixed<2, 0>>) -> tensor<2x2x!q.fixed<5, 0>> {
  %y = q.matmul %x, %x : tensor<2x2x!q.fixed<2, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<2x2x!q.fixed<5, 0>> loc("MatMul_0")
  func.return %y : tensor<2x2x!q.fixed<5, 0>>
}

// -----

// The difference of a constant.
// CHECK: error: q.sub of a constant has no hardware unit
// CHECK-NEXT: at: node 'Sub_0', {{.*}}convert_to_dataflow-invalid.mlir:58:3
// CHECK-NEXT: mend: run q-lower-sub-div first
func.func private @hardware(%x: tensor<2x!q.fixed<3, 0>>) -> tensor<2x!q.fixed<4, 0>> {
  %c = q.constant #q.dense<[1, 2] : tensor<2x!q.fixed<3, 0>>>
  %y = q.sub %x, %c : tensor<2x!q.fixed<3, 0>>, tensor<2x!q.fixed<3, 0>> -> tensor<2x!q.fixed<4, 0>> loc("Sub_0")
  func.return %y : tensor<2x!q.fixed<4, 0>>
}

// -----

// Wrapping that can happen.
// CHECK: error: q.quantize wraps (codes reach -4 to 3, the type holds -2 to 1)
// CHECK-NEXT: at: node 'Quant_0', {{.*}}convert_to_dataflow-invalid.mlir:69:3
// CHECK-NEXT: mend: saturate instead, or widen the type
func.func private @hardware(%x: tensor<2x!q.fixed<3, 0>>) -> tensor<2x!q.fixed<2, 0>> {
  %y = q.quantize %x floor wrap : tensor<2x!q.fixed<3, 0>> -> tensor<2x!q.fixed<2, 0>> loc("Quant_0")
  func.return %y : tensor<2x!q.fixed<2, 0>>
}

// -----

// A sign quantiser is a threshold.
// CHECK: error: q.quantize to !q.bipolar is a threshold
// CHECK-NEXT: at: node 'Quant_0', {{.*}}convert_to_dataflow-invalid.mlir:80:3
// CHECK-NEXT: mend: run q-lower-quantizers-to-thresholds first
func.func private @hardware(%x: tensor<2x!q.fixed<3, 0>>) -> tensor<2x!q.bipolar> {
  %y = q.quantize %x floor saturate : tensor<2x!q.fixed<3, 0>> -> tensor<2x!q.bipolar> loc("Quant_0")
  func.return %y : tensor<2x!q.bipolar>
}

// -----

// Arithmetic on constants alone.
// CHECK: error: an op on constants alone is left
// CHECK-NEXT: at: node 'Mul_0', {{.*}}convert_to_dataflow-invalid.mlir:92:3
// CHECK-NEXT: mend: run q-fold-constants first
func.func private @hardware(%x: tensor<2x!q.fixed<3, 0>>) -> tensor<2x!q.fixed<4, 0>> {
  %c = q.constant #q.dense<[1, 2] : tensor<2x!q.fixed<3, 0>>>
  %y = q.mul %c, %c : tensor<2x!q.fixed<3, 0>>, tensor<2x!q.fixed<3, 0>> -> tensor<2x!q.fixed<4, 0>> loc("Mul_0")
  func.return %y : tensor<2x!q.fixed<4, 0>>
}

// -----

// Two results.
// CHECK: error: @hardware has 1 inputs and 2 outputs; hardware has one each
// CHECK-NEXT: at: {{.*}}convert_to_dataflow-invalid.mlir:102:1
// CHECK-NEXT: mend: join the inputs, or leave all but one input and output to the host
func.func private @hardware(%x: tensor<2x!q.fixed<3, 0>>) -> (tensor<2x!q.fixed<3, 0>>, tensor<2x!q.fixed<3, 0>>) {
  func.return %x, %x : tensor<2x!q.fixed<3, 0>>, tensor<2x!q.fixed<3, 0>>
}

// -----

// Hardware takes codes.
// CHECK: error: @hardware takes tensor<2xf32>, hardware integer codes
// CHECK-NEXT: at: {{.*}}convert_to_dataflow-invalid.mlir:112:1
// CHECK-NEXT: mend: quantise the input of the net
func.func private @hardware(%x: tensor<2xf32>) -> tensor<2xf32> {
  func.return %x : tensor<2xf32>
}

// -----

// Images with their channels first.
// CHECK: error: q.max_pool has its channels first
// CHECK: mend: run q-make-channels-last first
func.func private @hardware(%x: tensor<1x2x4x4x!q.fixed<3, 0>>) -> tensor<1x2x2x2x!q.fixed<3, 0>> {
  %y = q.max_pool %x kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] : tensor<1x2x4x4x!q.fixed<3, 0>> -> tensor<1x2x2x2x!q.fixed<3, 0>>
  func.return %y : tensor<1x2x2x2x!q.fixed<3, 0>>
}

// -----

// A sum that repeats the elements of one stream for rows and for channels, but not for columns.
// CHECK: error: q.add of shapes [1, 2, 3, 2] and [1, 1, 3, 1] repeats elements along axes that are apart
// CHECK: mend: repeat one branch along neighbouring axes, or make both shapes equal
func.func private @hardware(%x: tensor<1x2x3x2x!q.fixed<3, 0>>) -> tensor<1x2x3x2x!q.fixed<4, 0>> {
  %a = q.slice %x starts [0, 0, 0, 0] sizes [1, 1, 3, 1] steps [1, 1, 1, 1] : tensor<1x2x3x2x!q.fixed<3, 0>> -> tensor<1x1x3x1x!q.fixed<3, 0>>
  %y = q.add %x, %a : tensor<1x2x3x2x!q.fixed<3, 0>>, tensor<1x1x3x1x!q.fixed<3, 0>> -> tensor<1x2x3x2x!q.fixed<4, 0>>
  func.return %y : tensor<1x2x3x2x!q.fixed<4, 0>>
}
