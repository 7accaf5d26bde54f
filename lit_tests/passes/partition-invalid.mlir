// RUN: qopt %s -p q-partition --split-input-file --verify-diagnostics | filecheck %s

// The input has no quantiser; only the op that needs it is named.
func.func @main(%x: tensor<1x1xf32> {q.name = "global_in"}) -> tensor<1x1x!q.fixed<3, 0>> {
  %w = q.constant #q.dense<[[1]] : tensor<1x1x!q.fixed<2, 0>>>
  %0 = q.matmul %x, %w : tensor<1x1xf32>, tensor<1x1x!q.fixed<2, 0>> -> tensor<1x1xf32> loc("MatMul_0")
  %1 = q.quantize %0 half_even saturate : tensor<1x1xf32> -> tensor<1x1x!q.fixed<2, 0>>
  %2 = q.matmul %1, %w : tensor<1x1x!q.fixed<2, 0>>, tensor<1x1x!q.fixed<2, 0>> -> tensor<1x1x!q.fixed<3, 0>>
  func.return %2 : tensor<1x1x!q.fixed<3, 0>>
}
// CHECK:      error: input 'global_in' reaches q.matmul without a quantiser
// CHECK-NEXT: at: node 'MatMul_0', {{.*}}
// CHECK-NEXT: mend: give --input-format 'global_in: fixed<16, 10>'

// -----
// Everything that stands in the way is listed at once.
func.func @main(%x: tensor<1x1x!q.fixed<2, 0>>) -> tensor<1x1x!q.real> {
  %w = q.constant #q.dense<[[1]] : tensor<1x1x!q.ufixed<1, 0>>>
  %f = q.constant #q.dense<[[0.5]] : tensor<1x1xf32>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %0 = q.matmul %x, %w : tensor<1x1x!q.fixed<2, 0>>, tensor<1x1x!q.ufixed<1, 0>> -> tensor<1x1x!q.fixed<2, 0>> loc("MatMul_0")
  %1 = q.mul %0, %s : tensor<1x1x!q.fixed<2, 0>>, tensor<!q.real> -> tensor<1x1x!q.real> loc("Mul_1")
  %2 = q.quantize %1 half_even saturate : tensor<1x1x!q.real> -> tensor<1x1x!q.fixed<2, 0>> loc("Quant_2")
  %3 = q.relu %2 : tensor<1x1x!q.fixed<2, 0>> -> tensor<1x1x!q.ufixed<1, 0>> loc("Relu_3")
  %4 = q.matmul %3, %w : tensor<1x1x!q.ufixed<1, 0>>, tensor<1x1x!q.ufixed<1, 0>> -> tensor<1x1x!q.ufixed<1, 0>> loc("MatMul_4")
  %5 = q.mul %4, %s : tensor<1x1x!q.ufixed<1, 0>>, tensor<!q.real> -> tensor<1x1x!q.real> loc("Mul_5")
  %6 = q.matmul %5, %4 : tensor<1x1x!q.real>, tensor<1x1x!q.ufixed<1, 0>> -> tensor<1x1x!q.real> loc("MatMul_6")
  %7 = q.matmul %4, %f : tensor<1x1x!q.ufixed<1, 0>>, tensor<1x1xf32> -> tensor<1x1xf32> loc("MatMul_7")
  %8 = q.matmul %3, %4 : tensor<1x1x!q.ufixed<1, 0>>, tensor<1x1x!q.ufixed<1, 0>> -> tensor<1x1x!q.ufixed<1, 0>> loc("MatMul_8")
  %9 = q.matmul %7, %4 : tensor<1x1xf32>, tensor<1x1x!q.ufixed<1, 0>> -> tensor<1x1xf32> loc("MatMul_9")
  func.return %6 : tensor<1x1x!q.real>
}
// CHECK:      error: 6 ops cannot be hardware:
// CHECK-NEXT: q.quantize works on real numbers, node 'Quant_2', {{.*}}; run q-streamline and q-lower-quantizers-to-thresholds first
// CHECK-NEXT: q.relu has no hardware unit yet, node 'Relu_3', {{.*}}; nearest: put a quantiser behind it: both together become thresholds
// CHECK-NEXT: q.matmul works on real numbers: a scale or offset is left on an operand, node 'MatMul_6', {{.*}}; run q-streamline first;
// CHECK-NEXT: q.matmul has no constant two-dimensional right operand, 3 ops; hardware multiplies by a constant matrix: {{.*}}; at node 'MatMul_6', {{.*}}; node 'MatMul_8', {{.*}}; node 'MatMul_9',
// CHECK-NEXT: the weights of q.matmul are float32, node 'MatMul_7', {{.*}}; quantise the weights before export
// CHECK-NEXT: q.matmul works on float32 numbers, node 'MatMul_9', {{.*}}; quantise both of its operands before export
// CHECK-NEXT: mend: see each line

// -----
// An arg-max over a part of the frame has no unit.
func.func @main(%x: tensor<2x2x!q.fixed<2, 0>>) -> tensor<2x1x!q.ufixed<2, 0>> {
  %c = q.constant #q.dense<1 : tensor<!q.ufixed<1, 0>>>
  %w = q.constant #q.dense<[[1]] : tensor<1x1x!q.ufixed<1, 0>>>
  %v = q.constant #q.dense<[[1], [1]] : tensor<2x1x!q.ufixed<1, 0>>>
  %0 = q.matmul %x, %v : tensor<2x2x!q.fixed<2, 0>>, tensor<2x1x!q.ufixed<1, 0>> -> tensor<2x1x!q.fixed<3, 0>>
  %1 = q.arg_max %0 axis 1 keep_dims : tensor<2x1x!q.fixed<3, 0>> -> tensor<2x1x!q.ufixed<1, 0>> loc("ArgMax_1")
  %2 = q.add %1, %c : tensor<2x1x!q.ufixed<1, 0>>, tensor<!q.ufixed<1, 0>> -> tensor<2x1x!q.ufixed<2, 0>> loc("Add_2")
  %3 = q.matmul %2, %w : tensor<2x1x!q.ufixed<2, 0>>, tensor<1x1x!q.ufixed<1, 0>> -> tensor<2x1x!q.ufixed<2, 0>>
  func.return %3 : tensor<2x1x!q.ufixed<2, 0>>
}
// CHECK:      error: q.arg_max compares a part of the frame
// CHECK-NEXT: at: node 'ArgMax_1'
// CHECK-NEXT: mend: only one arg-max of a whole vector is hardware

// -----
// A network without integers has nothing for the hardware.
func.func @main(%x: tensor<1xf32>) -> tensor<1xf32> {
  %y = q.relu %x : tensor<1xf32> -> tensor<1xf32>
  func.return %y : tensor<1xf32>
}
// CHECK:      error: nothing in @main can be hardware
// CHECK-NEXT: at: {{.*}}
// CHECK-NEXT: mend: quantise weights and activations before export; hardware has q.matmul, q.conv and q.conv_transpose with constant weights,

// -----
// A float network: what quantisation alone does not mend is told too, as the quotient of two branches.
func.func @main(%x: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = q.constant #q.dense<[[0.5]] : tensor<1x1xf32>>
  %0 = q.matmul %x, %w : tensor<1x1xf32>, tensor<1x1xf32> -> tensor<1x1xf32> loc("MatMul_0")
  %1 = q.relu %0 : tensor<1x1xf32> -> tensor<1x1xf32> loc("Relu_1")
  %2 = q.div %1, %0 : tensor<1x1xf32>, tensor<1x1xf32> -> tensor<1x1xf32> loc("Div_2")
  %3 = q.matmul %2, %w : tensor<1x1xf32>, tensor<1x1xf32> -> tensor<1x1xf32> loc("MatMul_3")
  func.return %3 : tensor<1x1xf32>
}
// CHECK:      error: 3 ops cannot be hardware:
// CHECK-NEXT: the weights of q.matmul are float32, 2 ops; quantise the weights before export; at node 'MatMul_0', {{.*}}; node 'MatMul_3',
// CHECK-NEXT: q.div of two computed tensors has no hardware unit, node 'Div_2', {{.*}}; branches join by q.add, q.sub, q.mul or q.concat
// CHECK-NEXT: mend: see each line

// -----
// Whole numbers as weights belong to a network of integers: its input is what lacks a format.
func.func @main(%x: tensor<1x1xf32> {q.name = "x"}) -> tensor<1x1xf32> {
  %w = q.constant #q.dense<[[3.0]] : tensor<1x1xf32>>
  %0 = q.matmul %x, %w : tensor<1x1xf32>, tensor<1x1xf32> -> tensor<1x1xf32>
  func.return %0 : tensor<1x1xf32>
}
// CHECK:      error: input 'x' reaches q.matmul without a quantiser
// CHECK:      mend: give --input-format 'x: uint<8>'

// -----
// What is left of a scale is explained where it arises: a concatenation, a padded border, a sum, an activation.
func.func @main(%a: tensor<1x1x4x!q.fixed<3, 0>>, %b: tensor<1x1x4x!q.fixed<3, 0>>) -> (tensor<1x1x4x!q.real>, tensor<1x1x4x!q.real>, tensor<1x1x4x!q.real>, tensor<1x1x4x!q.real>) {
  %v = q.constant #q.dense<[[[1], [1]]] : tensor<1x2x1x!q.ufixed<1, 0>>>
  %w = q.constant #q.dense<[[[1, 1, 1]]] : tensor<1x1x3x!q.ufixed<1, 0>>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %t = q.constant #q.dense<[["1/3"], ["1/5"]] : tensor<2x1x!q.real>>
  %c = q.concat %a, %b axis 1 : tensor<1x1x4x!q.fixed<3, 0>>, tensor<1x1x4x!q.fixed<3, 0>> -> tensor<1x2x4x!q.fixed<3, 0>> loc("Concat_0")
  %0 = q.mul %c, %t : tensor<1x2x4x!q.fixed<3, 0>>, tensor<2x1x!q.real> -> tensor<1x2x4x!q.real>
  %1 = q.conv %0, %v strides [1] pads [0, 0] dilations [1] groups 1 : tensor<1x2x4x!q.real>, tensor<1x2x1x!q.ufixed<1, 0>> -> tensor<1x1x4x!q.real> loc("Conv_1")
  %2 = q.add %a, %s : tensor<1x1x4x!q.fixed<3, 0>>, tensor<!q.real> -> tensor<1x1x4x!q.real>
  %3 = q.conv %2, %w strides [1] pads [1, 1] dilations [1] groups 1 : tensor<1x1x4x!q.real>, tensor<1x1x3x!q.ufixed<1, 0>> -> tensor<1x1x4x!q.real> loc("Conv_3")
  %4 = q.mul %b, %s : tensor<1x1x4x!q.fixed<3, 0>>, tensor<!q.real> -> tensor<1x1x4x!q.real>
  %5 = q.add %4, %a : tensor<1x1x4x!q.real>, tensor<1x1x4x!q.fixed<3, 0>> -> tensor<1x1x4x!q.real> loc("Add_5")
  %6 = q.conv %5, %w strides [1] pads [1, 1] dilations [1] groups 1 : tensor<1x1x4x!q.real>, tensor<1x1x3x!q.ufixed<1, 0>> -> tensor<1x1x4x!q.real> loc("Conv_6")
  %7 = q.prelu %4, %s : tensor<1x1x4x!q.real>, tensor<!q.real> -> tensor<1x1x4x!q.real> loc("PRelu_7")
  %8 = q.conv %7, %w strides [1] pads [1, 1] dilations [1] groups 1 : tensor<1x1x4x!q.real>, tensor<1x1x3x!q.ufixed<1, 0>> -> tensor<1x1x4x!q.real> loc("Conv_8")
  func.return %1, %3, %6, %8 : tensor<1x1x4x!q.real>, tensor<1x1x4x!q.real>, tensor<1x1x4x!q.real>, tensor<1x1x4x!q.real>
}
// CHECK:      error: 4 ops cannot be hardware:
// CHECK-NEXT: q.conv sums over tensors of different scales or zero points, which q.concat of node 'Concat_0' puts side by side, node 'Conv_1', {{.*}}; give them one scale and zero point, or put a quantiser behind the concatenation
// CHECK-NEXT: q.conv pads its input with zeros, and zero is no code of the input, node 'Conv_3', {{.*}}; use a quantiser whose zero point is a whole number, the same for all channels, or do not pad
// CHECK-NEXT: q.conv takes the sum of two branches with scales of their own as it is, node 'Conv_6', {{.*}}; put a quantiser between both, or give the branches one scale
// CHECK-NEXT: q.conv takes the real numbers of q.prelu of node 'PRelu_7' as they are, node 'Conv_8', {{.*}}; put a quantiser between both
// CHECK-NEXT: mend: see each line

// -----
// Why a sum and an activation have no integers is told with the quantiser behind them.
func.func @main(%a: tensor<1x2x!q.fixed<4, 0>>, %b: tensor<1x2x!q.fixed<4, 0>>) -> (tensor<1x1x!q.fixed<8, 0>>, tensor<1x1x!q.fixed<8, 0>>) {
  %w = q.constant #q.dense<[[1], [1]] : tensor<2x1x!q.ufixed<1, 0>>>
  %v = q.constant #q.dense<[[1, 0], [0, 1]] : tensor<2x2x!q.ufixed<1, 0>>>
  %s = q.constant #q.dense<"1/2" : tensor<!q.real>>
  %t = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %x = q.matmul %a, %v : tensor<1x2x!q.fixed<4, 0>>, tensor<2x2x!q.ufixed<1, 0>> -> tensor<1x2x!q.fixed<5, 0>>
  %0 = q.mul %x, %s : tensor<1x2x!q.fixed<5, 0>>, tensor<!q.real> -> tensor<1x2x!q.real> loc("Mul_0")
  %1 = q.mul %b, %t : tensor<1x2x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<1x2x!q.real> loc("Mul_1")
  %2 = q.add %0, %1 : tensor<1x2x!q.real>, tensor<1x2x!q.real> -> tensor<1x2x!q.real> loc("Add_2")
  %3 = q.quantize %2 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<4, 0>> loc("Quant_3")
  %4 = q.relu %0 : tensor<1x2x!q.real> -> tensor<1x2x!q.real> loc("Relu_4")
  %5 = q.add %4, %1 : tensor<1x2x!q.real>, tensor<1x2x!q.real> -> tensor<1x2x!q.real> loc("Add_5")
  %6 = q.quantize %5 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<4, 0>> loc("Quant_6")
  %7 = q.matmul %3, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x1x!q.ufixed<1, 0>> -> tensor<1x1x!q.fixed<8, 0>>
  %8 = q.matmul %6, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x1x!q.ufixed<1, 0>> -> tensor<1x1x!q.fixed<8, 0>>
  func.return %7, %8 : tensor<1x1x!q.fixed<8, 0>>, tensor<1x1x!q.fixed<8, 0>>
}
// CHECK:      error: 2 ops cannot be hardware:
// CHECK-NEXT: the sum of two branches in front of q.quantize is not made of integers: no integers give the same codes from -7 to 6 for all pairs of codes, node 'Quant_3', {{.*}}; quantise both branches to 8 bits in front of the sum; or change a scale a little, against ties
// CHECK-NEXT: the sum of two branches in front of q.quantize is not made of integers: a branch is clipped in front of the sum, node 'Quant_6', {{.*}}; put a quantiser behind the ReLU or clip of each branch, in front of the sum

// -----
// Between layers a stream has one direction.
func.func @main(%x: tensor<1x2x!q.fixed<2, 0>>) -> tensor<1x2x!q.fixed<8, 0>> {
  %w = q.constant #q.dense<1 : tensor<2x2x!q.fixed<2, 0>>>
  %0 = q.matmul %x, %w : tensor<1x2x!q.fixed<2, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<4, 0>>
  %1 = q.slice %0 starts [0, 1] sizes [1, 2] steps [1, -1] : tensor<1x2x!q.fixed<4, 0>> -> tensor<1x2x!q.fixed<4, 0>> loc("Slice_1")
  %2 = q.matmul %1, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<8, 0>>
  func.return %2 : tensor<1x2x!q.fixed<8, 0>>
}
// CHECK:      error: q.slice takes elements backwards
// CHECK-NEXT: at: node 'Slice_1'
// CHECK-NEXT: mend: take a part of at most three axes, forwards, or few channels in any order

// -----
// A pool of a float32 function stands between both quantisers: the pool is named, not the rounding in front of tanh.
func.func @main(%x: tensor<1x4x4x1x!q.fixed<4, 0>>) -> tensor<1x2x2x1x!q.fixed<4, 0>> {
  %w = q.constant #q.dense<[[[[1]]]] : tensor<1x1x1x1x!q.fixed<2, 0>>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %c = q.conv %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 channels_last : tensor<1x4x4x1x!q.fixed<4, 0>>, tensor<1x1x1x1x!q.fixed<2, 0>> -> tensor<1x4x4x1x!q.fixed<4, 0>>
  %0 = q.mul %c, %s : tensor<1x4x4x1x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<1x4x4x1x!q.real>
  %1 = q.quantize %0 half_even saturate : tensor<1x4x4x1x!q.real> -> tensor<1x4x4x1xf32> loc("Quant_0")
  %2 = q.tanh %1 : tensor<1x4x4x1xf32> loc("Tanh_1")
  %3 = q.max_pool %2 kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] channels_last : tensor<1x4x4x1xf32> -> tensor<1x2x2x1xf32> loc("Pool_2")
  %4 = q.quantize %3 half_even saturate : tensor<1x2x2x1xf32> -> tensor<1x2x2x1x!q.fixed<4, 0>> loc("Quant_3")
  %5 = q.conv %4, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 channels_last : tensor<1x2x2x1x!q.fixed<4, 0>>, tensor<1x1x1x1x!q.fixed<2, 0>> -> tensor<1x2x2x1x!q.fixed<4, 0>> loc("Conv_4")
  func.return %5 : tensor<1x2x2x1x!q.fixed<4, 0>>
}
// CHECK:      error: q.max_pool takes the float32 numbers of q.tanh of node 'Tanh_1' as they are
// CHECK-NEXT: at: node 'Pool_2'
// CHECK-NEXT: mend: put a quantiser between both

// -----
// A product is made of integers where both of its branches are scaled integers: not of what an activation leaves real.
func.func @main(%x: tensor<1x2x!q.fixed<3, 0>>) -> tensor<1x1x!q.fixed<9, 0>> {
  %w = q.constant #q.dense<[[1, -1], [2, 1]] : tensor<2x2x!q.fixed<3, 0>>>
  %v = q.constant #q.dense<[[1], [1]] : tensor<2x1x!q.fixed<2, 0>>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %a = q.matmul %x, %w : tensor<1x2x!q.fixed<3, 0>>, tensor<2x2x!q.fixed<3, 0>> -> tensor<1x2x!q.fixed<5, 0>>
  %b = q.matmul %a, %w : tensor<1x2x!q.fixed<5, 0>>, tensor<2x2x!q.fixed<3, 0>> -> tensor<1x2x!q.fixed<7, 0>>
  %0 = q.mul %a, %s : tensor<1x2x!q.fixed<5, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %1 = q.relu %0 : tensor<1x2x!q.real> -> tensor<1x2x!q.real> loc("Relu_1")
  %2 = q.mul %1, %b : tensor<1x2x!q.real>, tensor<1x2x!q.fixed<7, 0>> -> tensor<1x2x!q.real> loc("Mul_2")
  %3 = q.quantize %2 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<4, 0>>
  %y = q.matmul %3, %v : tensor<1x2x!q.fixed<4, 0>>, tensor<2x1x!q.fixed<2, 0>> -> tensor<1x1x!q.fixed<9, 0>>
  func.return %y : tensor<1x1x!q.fixed<9, 0>>
}
// CHECK:      error: a branch of q.mul is more than an integer with a scale and an offset of whole scales
// CHECK-NEXT: at: node 'Mul_2'
// CHECK-NEXT: mend: quantise both branches in front of the product

// -----
// A long integer times a function of itself is one function: the mend is that of functions, not of two branches.
func.func @main(%x: tensor<1x1x!q.fixed<16, 0>>) -> tensor<1x1x!q.fixed<6, 0>> {
  %w = q.constant #q.dense<[[3]] : tensor<1x1x!q.fixed<3, 0>>>
  %s = q.constant #q.dense<"1/300" : tensor<!q.real>>
  %z = q.constant #q.dense<0 : tensor<!q.ufixed<1, 0>>>
  %n = q.constant #q.dense<9 : tensor<!q.ufixed<4, 0>>>
  %0 = q.matmul %x, %w : tensor<1x1x!q.fixed<16, 0>>, tensor<1x1x!q.fixed<3, 0>> -> tensor<1x1x!q.fixed<18, 0>>
  %1 = q.mul %0, %s : tensor<1x1x!q.fixed<18, 0>>, tensor<!q.real> -> tensor<1x1x!q.real>
  %2 = q.add %1, %n : tensor<1x1x!q.real>, tensor<!q.ufixed<4, 0>> -> tensor<1x1x!q.real>
  %3 = q.relu %2 : tensor<1x1x!q.real> -> tensor<1x1x!q.real>
  %4 = q.mul %1, %3 : tensor<1x1x!q.real>, tensor<1x1x!q.real> -> tensor<1x1x!q.real> loc("HardSwish_3/Mul")
  %5 = q.quantize %4 half_even saturate : tensor<1x1x!q.real> -> tensor<1x1x!q.fixed<4, 0>> loc("Quant_4")
  %y = q.matmul %5, %w : tensor<1x1x!q.fixed<4, 0>>, tensor<1x1x!q.fixed<3, 0>> -> tensor<1x1x!q.fixed<6, 0>>
  func.return %y : tensor<1x1x!q.fixed<6, 0>>
}
// CHECK:      error: what stands in front of q.quantize is not made of integers: it is a function of !q.fixed<18, 0> that neither rises nor falls throughout, or has too many levels
// CHECK-NEXT: at: node 'Quant_4'
// CHECK-NEXT: mend: put a quantiser between the layer and the activation as well

// -----
// Of a function of float32 with a quantiser behind it, that quantiser is explained.
func.func @main(%x: tensor<1x1x!q.fixed<30, 0>>) -> tensor<1x1x!q.fixed<6, 0>> {
  %w = q.constant #q.dense<[[3]] : tensor<1x1x!q.fixed<3, 0>>>
  %s = q.constant #q.dense<"1/300" : tensor<!q.real>>
  %0 = q.matmul %x, %w : tensor<1x1x!q.fixed<30, 0>>, tensor<1x1x!q.fixed<3, 0>> -> tensor<1x1x!q.fixed<32, 0>>
  %1 = q.mul %0, %s : tensor<1x1x!q.fixed<32, 0>>, tensor<!q.real> -> tensor<1x1x!q.real>
  %2 = q.quantize %1 half_even saturate : tensor<1x1x!q.real> -> tensor<1x1xf32> loc("Gemm_0")
  %3 = q.sigmoid %2 : tensor<1x1xf32> loc("Sigmoid_1")
  %4 = q.quantize %3 half_even saturate : tensor<1x1xf32> -> tensor<1x1x!q.fixed<4, 0>> loc("Quant_2")
  %y = q.matmul %4, %w : tensor<1x1x!q.fixed<4, 0>>, tensor<1x1x!q.fixed<3, 0>> -> tensor<1x1x!q.fixed<6, 0>>
  func.return %y : tensor<1x1x!q.fixed<6, 0>>
}
// CHECK:      error: what stands in front of q.quantize is not made of integers: it is a function of {{[0-9]+}} codes, too many for a table
// CHECK-NEXT: at: node 'Quant_2'
// CHECK-NEXT: mend: put a quantiser between the layer and the activation as well

// -----
// A constant matrix on the left adds rows up: what linear resizing is made of.
func.func @main(%x: tensor<1x1x2x2x!q.fixed<2, 0>>) -> tensor<1x1x4x2x!q.fixed<5, 0>> {
  %m = q.constant #q.dense<[[1, 0], [1, 1], [0, 1], [1, -1]] : tensor<4x2x!q.fixed<2, 0>>>
  %0 = q.matmul %m, %x : tensor<4x2x!q.fixed<2, 0>>, tensor<1x1x2x2x!q.fixed<2, 0>> -> tensor<1x1x4x2x!q.fixed<5, 0>> loc("Resize_0")
  func.return %0 : tensor<1x1x4x2x!q.fixed<5, 0>>
}
// CHECK:      error: q.matmul has no constant two-dimensional right operand
// CHECK-NEXT: at: node 'Resize_0', {{.*}}
// CHECK-NEXT: mend: a constant matrix stands on the right; of resizing, modes other than 'nearest' are not hardware
