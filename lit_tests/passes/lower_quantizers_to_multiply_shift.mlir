// RUN: qopt %s -p q-lower-quantizers-to-multiply-shift --split-input-file | filecheck %s

// A real scale becomes an integer product, sum and shift with the fewest fraction bits that are exact for every input.
func.func @main(%a: tensor<1x2x!q.fixed<12, 0>>) -> tensor<1x2x!q.fixed<8, 0>> {
  %s = q.constant #q.dense<"1/13" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.fixed<12, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %0 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<8, 0>> loc("Quant_1")
  func.return %y : tensor<1x2x!q.fixed<8, 0>>
}
// CHECK:      @main(%a: {{.*}}
// CHECK-NEXT: %multiplier = q.constant #q.dense<315 : tensor<!q.ufixed<9, 12>>> loc("Quant_1")
// CHECK-NEXT: [[M:%.*]] = q.mul %a, %multiplier : {{.*}} -> tensor<1x2x!q.fixed<21, 12>> loc("Quant_1")
// CHECK-NEXT: %addend = q.constant #q.dense<2048 : tensor<!q.ufixed<12, 12>>> loc("Quant_1")
// CHECK-NEXT: [[A:%.*]] = q.add [[M]], %addend : {{.*}} -> tensor<1x2x!q.fixed<22, 12>> loc("Quant_1")
// CHECK-NEXT: %y = q.quantize [[A]] floor saturate : {{.*}} -> tensor<1x2x!q.fixed<8, 0>> loc("Quant_1")
// CHECK-NEXT: func.return %y

// -----
// A negative scale in one channel: negative multiplier.
func.func @main(%a: tensor<1x2x!q.fixed<8, 0>>) -> tensor<1x2x!q.fixed<6, 0>> {
  %s = q.constant #q.dense<["1/7", "-1/9"] : tensor<2x!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.fixed<8, 0>>, tensor<2x!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %0 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<6, 0>>
  func.return %y : tensor<1x2x!q.fixed<6, 0>>
}
// CHECK:      %multiplier = q.constant #q.dense<[73, -57] : tensor<2x!q.fixed<8, 9>>>
// CHECK:      %addend = q.constant #q.dense<256 : tensor<!q.ufixed<9, 9>>>

// -----
// A scale that is a power of two keeps its rounding: half to even has no form that only cuts bits off.
func.func @main(%a: tensor<1x2x!q.fixed<12, 4>>) -> tensor<1x2x!q.fixed<8, 0>> {
  %b = q.constant #q.dense<"5/2" : tensor<!q.real>>
  %0 = q.add %a, %b : tensor<1x2x!q.fixed<12, 4>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %0 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<8, 0>>
  func.return %y : tensor<1x2x!q.fixed<8, 0>>
}
// CHECK:      @main(%a: {{.*}}
// CHECK-NEXT: %addend = q.constant #q.dense<40 : tensor<!q.ufixed<6, 4>>>
// CHECK-NEXT: [[A:%.*]] = q.add %a, %addend
// CHECK-NEXT: %y = q.quantize [[A]] half_even saturate : {{.*}} -> tensor<1x2x!q.fixed<8, 0>>

// -----
// What stands there in this form already is left.
func.func @main(%a: tensor<1x2x!q.fixed<12, 4>>) -> tensor<1x2x!q.fixed<8, 0>> {
  %y = q.quantize %a half_even saturate : tensor<1x2x!q.fixed<12, 4>> -> tensor<1x2x!q.fixed<8, 0>>
  func.return %y : tensor<1x2x!q.fixed<8, 0>>
}
// CHECK:      @main(%a: {{.*}}
// CHECK-NEXT: %y = q.quantize %a half_even saturate : tensor<1x2x!q.fixed<12, 4>> -> tensor<1x2x!q.fixed<8, 0>>

// -----
// A ReLU before a signed result makes the result unsigned, also behind a view.
func.func @main(%a: tensor<1x2x!q.fixed<12, 0>>) -> tensor<2x1x!q.real> {
  %s = q.constant #q.dense<"1/13" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.fixed<12, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %1 = q.relu %0 : tensor<1x2x!q.real> -> tensor<1x2x!q.real>
  %q = q.quantize %1 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<8, 0>>
  %t = q.transpose %q perm [1, 0] : tensor<1x2x!q.fixed<8, 0>> -> tensor<2x1x!q.fixed<8, 0>>
  %y = q.mul %t, %s : tensor<2x1x!q.fixed<8, 0>>, tensor<!q.real> -> tensor<2x1x!q.real>
  func.return %y : tensor<2x1x!q.real>
}
// CHECK:      %q = q.quantize {{.*}} floor saturate : {{.*}} -> tensor<1x2x!q.ufixed<7, 0>>
// CHECK-NEXT: q.transpose %q perm [1, 0] : tensor<1x2x!q.ufixed<7, 0>> -> tensor<2x1x!q.ufixed<7, 0>>

// -----
// Where the function states the signed type, a clip behind the quantiser does the work of the ReLU.
func.func @main(%a: tensor<1x2x!q.fixed<12, 0>>) -> tensor<1x2x!q.fixed<8, 0>> {
  %s = q.constant #q.dense<"1/13" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.fixed<12, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %1 = q.relu %0 : tensor<1x2x!q.real> -> tensor<1x2x!q.real>
  %q = q.quantize %1 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<8, 0>>
  func.return %q : tensor<1x2x!q.fixed<8, 0>>
}
// CHECK:      %[[Q:.*]] = q.quantize {{.*}} floor saturate : {{.*}} -> tensor<1x2x!q.fixed<8, 0>>
// CHECK:      q.clip %[[Q]], %minimum, %maximum range <0, 127> : {{.*}} -> tensor<1x2x!q.fixed<8, 0>>

// -----
// A sign has no multiply-shift form; neither have ties to even at a scale that is no power of two.
func.func @main(%a: tensor<1x2x!q.fixed<8, 0>>) -> (tensor<1x2x!q.bipolar>, tensor<1x2x!q.fixed<6, 0>>) {
  %s = q.constant #q.dense<"1/6" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.fixed<8, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %a half_even saturate : tensor<1x2x!q.fixed<8, 0>> -> tensor<1x2x!q.bipolar>
  %z = q.quantize %0 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<6, 0>>
  func.return %y, %z : tensor<1x2x!q.bipolar>, tensor<1x2x!q.fixed<6, 0>>
}
// CHECK:      q.quantize %a half_even saturate : {{.*}} -> tensor<1x2x!q.bipolar>
// CHECK-NEXT: q.quantize %0 half_even saturate : tensor<1x2x!q.real>

// -----
// One element, one bit, a scale of zero.
func.func @main(%a: tensor<1x1x!q.ufixed<1, 0>>) -> tensor<1x1x!q.ufixed<1, 0>> {
  %s = q.constant #q.dense<"0" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x1x!q.ufixed<1, 0>>, tensor<!q.real> -> tensor<1x1x!q.real>
  %y = q.quantize %0 half_even saturate : tensor<1x1x!q.real> -> tensor<1x1x!q.ufixed<1, 0>>
  func.return %y : tensor<1x1x!q.ufixed<1, 0>>
}
// CHECK: %multiplier = q.constant #q.dense<0 : tensor<!q.ufixed<1, 0>>>
