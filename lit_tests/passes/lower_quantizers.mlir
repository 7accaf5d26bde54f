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
