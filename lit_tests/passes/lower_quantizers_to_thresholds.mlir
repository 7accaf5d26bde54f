// RUN: qopt %s -p q-lower-quantizers-to-thresholds --split-input-file | filecheck %s

// Scale, offset and ReLU in each channel become integer thresholds; the second channel falls.
func.func @main(%a: tensor<1x2x!q.fixed<6, 0>>) -> tensor<1x2x!q.ufixed<2, 0>> {
  %s = q.constant #q.dense<["1/7", "-1/3"] : tensor<2x!q.real>>
  %b = q.constant #q.dense<"1/2" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.fixed<6, 0>>, tensor<2x!q.real> -> tensor<1x2x!q.real>
  %1 = q.add %0, %b : tensor<1x2x!q.real>, tensor<!q.real> -> tensor<1x2x!q.real>
  %2 = q.relu %1 : tensor<1x2x!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %2 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.ufixed<2, 0>> loc("Quant_3")
  func.return %y : tensor<1x2x!q.ufixed<2, 0>>
}
// CHECK:      @main(%a: {{.*}}
// CHECK-NEXT: %thresholds = q.constant #q.dense<[[1, 7, 15], [-6, -2, 0]] : tensor<2x3x!q.fixed<6, 0>>> loc("Quant_3")
// CHECK-NEXT: %descending = q.constant #q.dense<[0, 1] : tensor<2x!q.ufixed<1, 0>>> loc("Quant_3")
// CHECK-NEXT: %y = q.threshold %a, %thresholds descending %descending : tensor<2x!q.ufixed<1, 0>> base 0 : {{.*}} -> tensor<1x2x!q.ufixed<2, 0>> loc("Quant_3")
// CHECK-NEXT: func.return %y

// -----
// Ties of half_even go to the even code: thresholds of odd codes lie one above the tie.
func.func @main(%a: tensor<1x2x!q.ufixed<4, 1>>) -> tensor<1x2x!q.ufixed<2, 0>> {
  %y = q.quantize %a half_even saturate : tensor<1x2x!q.ufixed<4, 1>> -> tensor<1x2x!q.ufixed<2, 0>>
  func.return %y : tensor<1x2x!q.ufixed<2, 0>>
}
// CHECK:      %thresholds = q.constant #q.dense<[[2, 3, 6]] : tensor<1x3x!q.ufixed<4, 1>>>
// CHECK-NEXT: %y = q.threshold %a, %thresholds base 0

// -----
// Ties of half_up do not.
func.func @main(%a: tensor<1x2x!q.ufixed<4, 1>>) -> tensor<1x2x!q.ufixed<2, 0>> {
  %y = q.quantize %a half_up saturate : tensor<1x2x!q.ufixed<4, 1>> -> tensor<1x2x!q.ufixed<2, 0>>
  func.return %y : tensor<1x2x!q.ufixed<2, 0>>
}
// CHECK: %thresholds = q.constant #q.dense<[[1, 3, 5]] : tensor<1x3x!q.ufixed<4, 1>>>

// -----
// Codes that no input reaches cost no threshold: only -3 to -1 are left, counted from base -3.
func.func @main(%a: tensor<1x2x!q.fixed<3, 0>>) -> tensor<1x2x!q.fixed<4, 0>> {
  %b = q.constant #q.dense<"-2" : tensor<!q.real>>
  %s = q.constant #q.dense<"1/4" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.fixed<3, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %1 = q.add %0, %b : tensor<1x2x!q.real>, tensor<!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %1 half_up saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<4, 0>>
  func.return %y : tensor<1x2x!q.fixed<4, 0>>
}
// CHECK:      %thresholds = q.constant #q.dense<[[-1, 3]] : tensor<1x2x!q.fixed<3, 0>>>
// CHECK-NEXT: %y = q.threshold %a, %thresholds base -3 :

// -----
// A channel that never reaches a code that another reaches gets a threshold above its largest input, in a wider type.
func.func @main(%a: tensor<1x2x!q.ufixed<2, 0>>) -> tensor<1x2x!q.ufixed<1, 0>> {
  %s = q.constant #q.dense<["1", "1/100"] : tensor<2x!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.ufixed<2, 0>>, tensor<2x!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %0 floor saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.ufixed<1, 0>>
  func.return %y : tensor<1x2x!q.ufixed<1, 0>>
}
// CHECK: %thresholds = q.constant #q.dense<[[1], [4]] : tensor<2x1x!q.ufixed<3, 0>>>

// -----
// Batch normalisation and a sign; a negative scale makes the sign fall.
func.func @main(%a: tensor<1x2x!q.fixed<6, 0>>) -> tensor<1x2x!q.bipolar> {
  %one = q.constant #q.dense<1.0 : tensor<2xf32>>
  %scale = q.constant #q.dense<[2.0, -2.0] : tensor<2xf32>>
  %mean = q.constant #q.dense<[3.0, 5.5] : tensor<2xf32>>
  %zero = q.constant #q.dense<0.0 : tensor<2xf32>>
  %0 = q.batch_norm %a, %scale, %zero, %mean, %one axis 1 epsilon 1.000000e-05 : f32 : tensor<1x2x!q.fixed<6, 0>>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<1x2x!q.real>
  %y = q.quantize %0 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.bipolar>
  func.return %y : tensor<1x2x!q.bipolar>
}
// CHECK:      %thresholds = q.constant #q.dense<[[3], [6]] : tensor<2x1x!q.fixed<6, 0>>>
// CHECK-NEXT: %descending = q.constant #q.dense<[0, 1]
// CHECK-NEXT: q.threshold %a, %thresholds descending %descending {{.*}} base -1 : {{.*}} -> tensor<1x2x!q.bipolar>

// -----
// The tail starts at the integer value furthest up, before the bias; a second use of the value between keeps it.
func.func @main(%a: tensor<1x1x!q.fixed<4, 0>>) -> (tensor<1x1x!q.fixed<2, 0>>, tensor<1x1x!q.fixed<5, 0>>) {
  %b = q.constant #q.dense<3 : tensor<!q.fixed<3, 0>>>
  %0 = q.add %a, %b : tensor<1x1x!q.fixed<4, 0>>, tensor<!q.fixed<3, 0>> -> tensor<1x1x!q.fixed<5, 0>>
  %y = q.quantize %0 floor saturate : tensor<1x1x!q.fixed<5, 0>> -> tensor<1x1x!q.fixed<2, 0>>
  func.return %y, %0 : tensor<1x1x!q.fixed<2, 0>>, tensor<1x1x!q.fixed<5, 0>>
}
// CHECK:      %0 = q.add %a, %b
// CHECK-NEXT: %thresholds = q.constant #q.dense<[[-4, -3, -2]] : tensor<1x3x!q.fixed<4, 0>>>
// CHECK-NEXT: q.threshold %a, %thresholds base -2

// -----
// A scale of zero, and a constant result: one threshold that always counts.
func.func @main(%a: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x2x!q.ufixed<1, 0>> {
  %s = q.constant #q.dense<"0" : tensor<!q.real>>
  %b = q.constant #q.dense<"3/4" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %1 = q.add %0, %b : tensor<1x2x!q.real>, tensor<!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %1 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.ufixed<1, 0>>
  func.return %y : tensor<1x2x!q.ufixed<1, 0>>
}
// CHECK:      %thresholds = q.constant #q.dense<[[-8]] : tensor<1x1x!q.fixed<4, 0>>>
// CHECK-NEXT: q.threshold %a, %thresholds base 0

// -----
// From float32 a quantiser stays: its steps are float32 arithmetic.
func.func @main(%x: tensor<1x2xf32>) -> tensor<1x2x!q.fixed<2, 0>> {
  %y = q.quantize %x half_even saturate : tensor<1x2xf32> -> tensor<1x2x!q.fixed<2, 0>>
  func.return %y : tensor<1x2x!q.fixed<2, 0>>
}
// CHECK: q.quantize %x half_even saturate : tensor<1x2xf32>

// -----
// A quantiser that wraps stays.
func.func @main(%a: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x2x!q.fixed<2, 0>> {
  %y = q.quantize %a floor wrap : tensor<1x2x!q.fixed<4, 0>> -> tensor<1x2x!q.fixed<2, 0>>
  func.return %y : tensor<1x2x!q.fixed<2, 0>>
}
// CHECK: q.quantize %a floor wrap

// -----
// Constants that differ along two axes stay in front of the quantiser.
func.func @main(%a: tensor<2x2x!q.fixed<4, 0>>) -> tensor<2x2x!q.fixed<2, 0>> {
  %s = q.constant #q.dense<[["1/2", "1/5"], ["1/3", "1/7"]] : tensor<2x2x!q.real>>
  %0 = q.mul %a, %s : tensor<2x2x!q.fixed<4, 0>>, tensor<2x2x!q.real> -> tensor<2x2x!q.real>
  %y = q.quantize %0 floor saturate : tensor<2x2x!q.real> -> tensor<2x2x!q.fixed<2, 0>>
  func.return %y : tensor<2x2x!q.fixed<2, 0>>
}
// CHECK: q.quantize %0 floor saturate

// -----
// So does a sum of two computed values, and what gives float32.
func.func @main(%a: tensor<2x!q.real>, %b: tensor<2x!q.real>) -> (tensor<2x!q.fixed<2, 0>>, tensor<2xf32>) {
  %0 = q.add %a, %b : tensor<2x!q.real>, tensor<2x!q.real> -> tensor<2x!q.real>
  %y = q.quantize %0 floor saturate : tensor<2x!q.real> -> tensor<2x!q.fixed<2, 0>>
  %z = q.quantize %0 half_even saturate : tensor<2x!q.real> -> tensor<2xf32>
  func.return %y, %z : tensor<2x!q.fixed<2, 0>>, tensor<2xf32>
}
// CHECK:      q.quantize %0 floor saturate
// CHECK-NEXT: q.quantize %0 half_even saturate

// -----
// The channels of an image are its second axis.
func.func @main(%a: tensor<1x2x1x2x!q.fixed<4, 0>>) -> tensor<1x2x1x2x!q.ufixed<1, 0>> {
  %b = q.constant #q.dense<[[["1/3"]], [["-5/2"]]] : tensor<2x1x1x!q.real>>
  %0 = q.add %a, %b : tensor<1x2x1x2x!q.fixed<4, 0>>, tensor<2x1x1x!q.real> -> tensor<1x2x1x2x!q.real>
  %y = q.quantize %0 floor saturate : tensor<1x2x1x2x!q.real> -> tensor<1x2x1x2x!q.ufixed<1, 0>>
  func.return %y : tensor<1x2x1x2x!q.ufixed<1, 0>>
}
// CHECK:      %thresholds = q.constant #q.dense<{{\[\[}}1], [4]] : tensor<2x1x!q.fixed<4, 0>>>
// CHECK-NEXT: %y = q.threshold %a, %thresholds base 0 axis 1 : tensor<1x2x1x2x!q.fixed<4, 0>>

// -----
// Thresholds of real numbers become thresholds of the integer codes in front of them; the second channel falls.
func.func @main(%a: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x2x!q.ufixed<2, 0>> {
  %s = q.constant #q.dense<["1/3", "-1/2"] : tensor<2x!q.real>>
  %b = q.constant #q.dense<1 : tensor<!q.ufixed<1, 0>>>
  %t = q.constant #q.dense<[["0", "5/3"]] : tensor<1x2x!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.fixed<4, 0>>, tensor<2x!q.real> -> tensor<1x2x!q.real>
  %1 = q.add %0, %b : tensor<1x2x!q.real>, tensor<!q.ufixed<1, 0>> -> tensor<1x2x!q.real>
  %y = q.threshold %1, %t base 0 : tensor<1x2x!q.real>, tensor<1x2x!q.real> -> tensor<1x2x!q.ufixed<2, 0>>
  func.return %y : tensor<1x2x!q.ufixed<2, 0>>
}
// CHECK:      %thresholds = q.constant #q.dense<{{\[\[}}-3, 2], [-1, 3]] : tensor<2x2x!q.fixed<4, 0>>>
// CHECK-NEXT: %descending = q.constant #q.dense<[0, 1] : tensor<2x!q.ufixed<1, 0>>>
// CHECK-NEXT: q.threshold %a, %thresholds descending %descending : tensor<2x!q.ufixed<1, 0>> base 0
