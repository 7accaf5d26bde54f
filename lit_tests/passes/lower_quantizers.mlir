// RUN: qopt %s -p q-lower-quantizers --split-input-file | filecheck %s --check-prefixes=CHECK,SMALL
// RUN: qopt %s -p 'q-lower-quantizers{max-levels=2}' --split-input-file | filecheck %s --check-prefixes=CHECK,FEW

// Eight bits become multiply-shift, two bits thresholds: each the smaller form. Two uses of one accumulator.
// With `max-levels` thresholds are not taken beyond that number.
func.func @main(%a: tensor<1x2x!q.fixed<12, 0>>) -> (tensor<1x2x!q.fixed<8, 0>>, tensor<1x2x!q.ufixed<2, 0>>) {
  %s = q.constant #q.dense<["1/13", "1/17"] : tensor<2x!q.real>>
  %t = q.constant #q.dense<["1/300", "1/700"] : tensor<2x!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.fixed<12, 0>>, tensor<2x!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %0 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<8, 0>>
  %1 = q.mul %a, %t : tensor<1x2x!q.fixed<12, 0>>, tensor<2x!q.real> -> tensor<1x2x!q.real>
  %2 = q.relu %1 : tensor<1x2x!q.real> -> tensor<1x2x!q.real>
  %z = q.quantize %2 floor saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.ufixed<2, 0>>
  func.return %y, %z : tensor<1x2x!q.fixed<8, 0>>, tensor<1x2x!q.ufixed<2, 0>>
}
// CHECK:      %y = q.quantize {{.*}} floor saturate : {{.*}} -> tensor<1x2x!q.fixed<8, 0>>
// SMALL-NEXT: %thresholds = q.constant #q.dense<[[300, 600, 900], [700, 1400, 2048]] : tensor<2x3x!q.fixed<13, 0>>>
// SMALL-NEXT: %z = q.threshold %a, %thresholds base 0
// FEW:        %z = q.quantize {{.*}} floor saturate : {{.*}} -> tensor<1x2x!q.ufixed<2, 0>>
// CHECK-NEXT: func.return %y, %z

// -----
// Without an exact multiply-shift the quantiser becomes thresholds, however many; with `max-levels` it stays.
func.func @main(%a: tensor<1x2x!q.fixed<9, 0>>) -> tensor<1x2x!q.fixed<6, 0>> {
  %s = q.constant #q.dense<"1/6" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.fixed<9, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %0 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<6, 0>>
  func.return %y : tensor<1x2x!q.fixed<6, 0>>
}
// SMALL: q.threshold %a, %thresholds base -32 : {{.*}}tensor<1x63x!q.fixed<9, 0>>
// FEW:   q.quantize %0 half_even saturate : tensor<1x2x!q.real>

// -----
// A power-of-two scale is only wires: it stays a shift that rounds.
func.func @main(%a: tensor<1x2x!q.fixed<12, 4>>) -> tensor<1x2x!q.fixed<8, 0>> {
  %y = q.quantize %a half_even saturate : tensor<1x2x!q.fixed<12, 4>> -> tensor<1x2x!q.fixed<8, 0>>
  func.return %y : tensor<1x2x!q.fixed<8, 0>>
}
// CHECK: q.quantize %a half_even saturate

// -----
// One bit of one element; from float32 nothing is lowered.
func.func @main(%a: tensor<1x1x!q.fixed<4, 0>>, %x: tensor<1xf32>) -> (tensor<1x1x!q.bipolar>, tensor<1x!q.bipolar>) {
  %y = q.quantize %a floor saturate : tensor<1x1x!q.fixed<4, 0>> -> tensor<1x1x!q.bipolar>
  %z = q.quantize %x floor saturate : tensor<1xf32> -> tensor<1x!q.bipolar>
  func.return %y, %z : tensor<1x1x!q.bipolar>, tensor<1x!q.bipolar>
}
// CHECK:      %thresholds = q.constant #q.dense<[[0]] : tensor<1x1x!q.fixed<4, 0>>>
// CHECK-NEXT: q.threshold %a, %thresholds base -1
// CHECK-NEXT: q.quantize %x floor saturate

// -----
// A quantiser behind a quantiser becomes thresholds of what is in front of both.
func.func @main(%a: tensor<1x2x!q.fixed<8, 0>>) -> tensor<1x2x!q.fixed<2, 0>> {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %t = q.constant #q.dense<"2/7" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.fixed<8, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %1 = q.quantize %0 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<5, 0>>
  %2 = q.mul %1, %t : tensor<1x2x!q.fixed<5, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %2 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<2, 0>>
  func.return %y : tensor<1x2x!q.fixed<2, 0>>
}
// SMALL:      %thresholds = q.constant
// SMALL-NEXT: q.threshold %a, %thresholds base -2
// SMALL-NEXT: func.return

// -----
// Not so where the inner result has another use.
func.func @main(%a: tensor<1x2x!q.fixed<8, 0>>) -> (tensor<1x2x!q.fixed<2, 0>>, tensor<1x2x!q.fixed<5, 0>>) {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %t = q.constant #q.dense<"2/7" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.fixed<8, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %1 = q.quantize %0 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<5, 0>>
  %2 = q.mul %1, %t : tensor<1x2x!q.fixed<5, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %2 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<2, 0>>
  func.return %y, %1 : tensor<1x2x!q.fixed<2, 0>>, tensor<1x2x!q.fixed<5, 0>>
}
// SMALL:     %[[Q:.*]] = q.{{quantize|threshold}} {{.*}} -> tensor<1x2x!q.fixed<5, 0>>
// SMALL:     %[[Y:.*]] = q.threshold %[[Q]], {{.*}} -> tensor<1x2x!q.fixed<2, 0>>

// -----
// The sign of a sign, which is -1 or +1 alone, becomes bipolar for the layers behind it, also through a reshape.
func.func @main(%a: tensor<1x2x2x!q.fixed<5, 0>>) -> tensor<1x1x!q.fixed<4, 0>> {
  %w = q.constant #q.dense<[[1], [-1], [1], [1]] : tensor<4x1x!q.fixed<2, 0>>>
  %c = q.constant #q.dense<"1/10" : tensor<!q.real>>
  %0 = q.quantize %a up saturate narrow : tensor<1x2x2x!q.fixed<5, 0>> -> tensor<1x2x2x!q.fixed<2, 0>>
  %1 = q.add %0, %c : tensor<1x2x2x!q.fixed<2, 0>>, tensor<!q.real> -> tensor<1x2x2x!q.real>
  %2 = q.quantize %1 up saturate narrow : tensor<1x2x2x!q.real> -> tensor<1x2x2x!q.fixed<2, 0>>
  %3 = q.reshape %2 : tensor<1x2x2x!q.fixed<2, 0>> -> tensor<1x4x!q.fixed<2, 0>>
  %y = q.matmul %3, %w : tensor<1x4x!q.fixed<2, 0>>, tensor<4x1x!q.fixed<2, 0>> -> tensor<1x1x!q.fixed<4, 0>>
  func.return %y : tensor<1x1x!q.fixed<4, 0>>
}
// SMALL:      q.constant #q.dense<[[0]] : tensor<1x1x!q.fixed<5, 0>>>
// SMALL-NEXT: q.threshold %a, %thresholds base -1 : {{.*}} -> tensor<1x2x2x!q.bipolar>
// SMALL-NEXT: q.reshape {{.*}} -> tensor<1x4x!q.bipolar>
// SMALL-NEXT: q.matmul {{.*}} : tensor<1x4x!q.bipolar>,

// -----
// Not where the function's type says otherwise, nor in front of a depthwise convolution with a border of zeros.
func.func @main(%a: tensor<1x2x3x!q.fixed<5, 0>>) -> (tensor<1x2x3x!q.fixed<2, 0>>, tensor<1x2x3x!q.fixed<4, 0>>) {
  %w = q.constant #q.dense<[[[1, -1, 1]], [[-1, 1, 1]]] : tensor<2x1x3x!q.fixed<2, 0>>>
  %c = q.constant #q.dense<"1/10" : tensor<!q.real>>
  %0 = q.quantize %a up saturate narrow : tensor<1x2x3x!q.fixed<5, 0>> -> tensor<1x2x3x!q.fixed<2, 0>>
  %1 = q.add %0, %c : tensor<1x2x3x!q.fixed<2, 0>>, tensor<!q.real> -> tensor<1x2x3x!q.real>
  %y = q.quantize %1 up saturate narrow : tensor<1x2x3x!q.real> -> tensor<1x2x3x!q.fixed<2, 0>>
  %2 = q.quantize %a up saturate narrow : tensor<1x2x3x!q.fixed<5, 0>> -> tensor<1x2x3x!q.fixed<2, 0>>
  %3 = q.add %2, %c : tensor<1x2x3x!q.fixed<2, 0>>, tensor<!q.real> -> tensor<1x2x3x!q.real>
  %4 = q.quantize %3 up saturate narrow : tensor<1x2x3x!q.real> -> tensor<1x2x3x!q.fixed<2, 0>>
  %z = q.conv %4, %w strides [1] pads [1, 1] dilations [1] groups 2 : tensor<1x2x3x!q.fixed<2, 0>>, tensor<2x1x3x!q.fixed<2, 0>> -> tensor<1x2x3x!q.fixed<4, 0>>
  func.return %y, %z : tensor<1x2x3x!q.fixed<2, 0>>, tensor<1x2x3x!q.fixed<4, 0>>
}
// CHECK:     @main(%a: tensor<1x2x3x!q.fixed<5, 0>>)
// CHECK-NOT: bipolar
// CHECK:     q.conv {{.*}} : tensor<1x2x3x!q.fixed<2, 0>>

// -----
// ReLU2 as the smaller of a ReLU and 2, and a floor for each channel, are clips: part of the function.
func.func @main(%x: tensor<1x2x!q.fixed<24, 0>>) -> tensor<1x2x!q.ufixed<2, 0>> {
  %s = q.constant #q.dense<"1/1000" : tensor<!q.real>>
  %most = q.constant #q.dense<"2" : tensor<!q.real>>
  %least = q.constant #q.dense<["0", "1"] : tensor<2x!q.real>>
  %0 = q.mul %x, %s : tensor<1x2x!q.fixed<24, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %1 = q.relu %0 : tensor<1x2x!q.real> -> tensor<1x2x!q.real>
  %2 = q.min %most, %1 : tensor<!q.real>, tensor<1x2x!q.real> -> tensor<1x2x!q.real>
  %3 = q.max %2, %least : tensor<1x2x!q.real>, tensor<2x!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %3 floor saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.ufixed<2, 0>>
  func.return %y : tensor<1x2x!q.ufixed<2, 0>>
}
// SMALL: %thresholds = q.constant #q.dense<{{\[\[}}1000, 2000], [-8388608, 2000]]
// SMALL: q.threshold %x, %thresholds base 0
// FEW-NOT: q.min
// FEW-NOT: q.max
