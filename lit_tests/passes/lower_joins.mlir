// RUN: qopt %s -p q-lower-joins --split-input-file | filecheck %s
// RUN: qopt %s -v -p q-lower-joins --split-input-file 2>&1 >/dev/null | filecheck %s --check-prefix REMARK

// Two scaled branches, ReLU and quantiser: two products, two sums, a shift.
func.func @main(%a: tensor<1x4x!q.ufixed<2, 0>>, %b: tensor<1x4x!q.fixed<2, 0>>) -> tensor<1x4x!q.ufixed<2, 0>> {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %t = q.constant #q.dense<"3/5" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x4x!q.ufixed<2, 0>>, tensor<!q.real> -> tensor<1x4x!q.real>
  %1 = q.mul %b, %t : tensor<1x4x!q.fixed<2, 0>>, tensor<!q.real> -> tensor<1x4x!q.real>
  %2 = q.add %0, %1 : tensor<1x4x!q.real>, tensor<1x4x!q.real> -> tensor<1x4x!q.real>
  %3 = q.relu %2 : tensor<1x4x!q.real> -> tensor<1x4x!q.real>
  %y = q.quantize %3 half_even saturate : tensor<1x4x!q.real> -> tensor<1x4x!q.ufixed<2, 0>>
  func.return %y : tensor<1x4x!q.ufixed<2, 0>>
}
// CHECK:      %[[A:.*]] = q.mul %a, %multiplier
// CHECK:      %[[B:.*]] = q.mul %b, %multiplier_1
// CHECK-NEXT: %[[S:.*]] = q.add %[[A]], %[[B]]
// CHECK:      q.quantize {{.*}} floor saturate : {{.*}} -> tensor<1x4x!q.ufixed<2, 0>>
// CHECK-NEXT: func.return %y

// -----
// A scale for each channel becomes a multiplier for each.
func.func @main(%a: tensor<1x2x!q.ufixed<2, 0>>, %b: tensor<1x2x!q.fixed<2, 0>>) -> tensor<1x2x!q.ufixed<2, 0>> {
  %s = q.constant #q.dense<["1/3", "1/5"] : tensor<2x!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.ufixed<2, 0>>, tensor<2x!q.real> -> tensor<1x2x!q.real>
  %2 = q.add %0, %b : tensor<1x2x!q.real>, tensor<1x2x!q.fixed<2, 0>> -> tensor<1x2x!q.real>
  %y = q.quantize %2 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.ufixed<2, 0>>
  func.return %y : tensor<1x2x!q.ufixed<2, 0>>
}
// CHECK: %multiplier = q.constant #q.dense<[{{[0-9]+}}, {{[0-9]+}}] : tensor<2x
// CHECK: q.mul %a, %multiplier
// CHECK: q.quantize {{.*}} floor saturate : {{.*}} -> tensor<1x2x!q.ufixed<2, 0>>

// -----
// Ties that no shift rounds as half to even does keep their rounding, where the scales are multiples of a power of two.
func.func @main(%a: tensor<1x2x!q.ufixed<3, 0>>, %b: tensor<1x2x!q.ufixed<3, 0>>) -> tensor<1x2x!q.ufixed<3, 0>> {
  %s = q.constant #q.dense<"1/2" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.ufixed<3, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %1 = q.mul %b, %s : tensor<1x2x!q.ufixed<3, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %2 = q.add %0, %1 : tensor<1x2x!q.real>, tensor<1x2x!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %2 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.ufixed<3, 0>>
  func.return %y : tensor<1x2x!q.ufixed<3, 0>>
}
// CHECK: q.quantize {{.*}} half_even saturate : tensor<1x2x!q.ufixed<4, 1>> -> tensor<1x2x!q.ufixed<3, 0>>

// -----
// Other ties are left.
// REMARK: remark: sum of two branches is left as it is: no integers give the same codes from 0 to 6 for all pairs of codes
func.func @main(%a: tensor<1x2x!q.ufixed<3, 0>>, %b: tensor<1x2x!q.ufixed<3, 0>>) -> tensor<1x2x!q.ufixed<3, 0>> {
  %s = q.constant #q.dense<"1/2" : tensor<!q.real>>
  %t = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.ufixed<3, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %1 = q.mul %b, %t : tensor<1x2x!q.ufixed<3, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %2 = q.add %0, %1 : tensor<1x2x!q.real>, tensor<1x2x!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %2 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.ufixed<3, 0>>
  func.return %y : tensor<1x2x!q.ufixed<3, 0>>
}

// -----
// Codes that a zero point clips to less than the type holds are clipped behind the quantiser.
func.func @main(%a: tensor<1x2x!q.ufixed<3, 0>>, %b: tensor<1x2x!q.fixed<3, 0>>) -> tensor<1x2x!q.fixed<4, 0>> {
  %s = q.constant #q.dense<"5/7" : tensor<!q.real>>
  %lo = q.constant #q.dense<-2 : tensor<!q.real>>
  %hi = q.constant #q.dense<5 : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x!q.ufixed<3, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %1 = q.add %0, %b : tensor<1x2x!q.real>, tensor<1x2x!q.fixed<3, 0>> -> tensor<1x2x!q.real>
  %2 = q.clip %1, %lo, %hi : tensor<1x2x!q.real>, tensor<!q.real>, tensor<!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %2 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<4, 0>>
  func.return %y : tensor<1x2x!q.fixed<4, 0>>
}
// CHECK:      %[[Q:.*]] = q.quantize {{.*}} floor saturate : {{.*}} -> tensor<1x2x!q.fixed<4, 0>>
// CHECK-NEXT: %minimum = q.constant #q.dense<-2
// CHECK-NEXT: %maximum = q.constant #q.dense<5
// CHECK-NEXT: q.clip %[[Q]], %minimum, %maximum range <-2, 5> : {{.*}} -> tensor<1x2x!q.fixed<4, 0>>

// -----
// A difference is a sum with a negative multiplier; the smaller branch repeats its elements.
func.func @main(%a: tensor<1x4x!q.ufixed<2, 0>>, %b: tensor<1x1x!q.fixed<2, 0>>) -> tensor<1x4x!q.ufixed<2, 0>> {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %t = q.constant #q.dense<"3/5" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x4x!q.ufixed<2, 0>>, tensor<!q.real> -> tensor<1x4x!q.real>
  %1 = q.mul %b, %t : tensor<1x1x!q.fixed<2, 0>>, tensor<!q.real> -> tensor<1x1x!q.real>
  %2 = q.sub %0, %1 : tensor<1x4x!q.real>, tensor<1x1x!q.real> -> tensor<1x4x!q.real>
  %y = q.quantize %2 half_even saturate : tensor<1x4x!q.real> -> tensor<1x4x!q.ufixed<2, 0>>
  func.return %y : tensor<1x4x!q.ufixed<2, 0>>
}
// CHECK:      %multiplier_1 = q.constant #q.dense<-{{[0-9]+}} :
// CHECK-NEXT: %[[B:.*]] = q.mul %b, %multiplier_1 : {{.*}} -> tensor<1x1x
// CHECK-NEXT: q.add %{{.*}}, %[[B]] : {{.*}} -> tensor<1x4x
// CHECK:      q.quantize {{.*}} floor saturate : {{.*}} -> tensor<1x4x!q.ufixed<2, 0>>
