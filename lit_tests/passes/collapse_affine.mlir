// RUN: qopt %s -p q-collapse-affine --split-input-file | filecheck %s

// A chain of additions and multiplications becomes one multiplication and one addition.
func.func @main(%x: tensor<1x2x!q.fixed<8, 0>>) -> tensor<1x2x!q.real> {
  %b1 = q.constant #q.dense<["1/3", "-2"] : tensor<2x!q.real>>
  %a = q.constant #q.dense<"6" : tensor<!q.real>>
  %b2 = q.constant #q.dense<"1/2" : tensor<!q.real>>
  %0 = q.add %x, %b1 : tensor<1x2x!q.fixed<8, 0>>, tensor<2x!q.real> -> tensor<1x2x!q.real>
  %1 = q.mul %0, %a : tensor<1x2x!q.real>, tensor<!q.real> -> tensor<1x2x!q.real> loc("Mul_1")
  %2 = q.add %1, %b2 : tensor<1x2x!q.real>, tensor<!q.real> -> tensor<1x2x!q.real> loc("Add_2")
  func.return %2 : tensor<1x2x!q.real>
}
// CHECK:      %a = q.constant #q.dense<"6" : tensor<!q.real>>
// CHECK-NEXT: [[M:%.*]] = q.mul %x, %a : tensor<1x2x!q.fixed<8, 0>>, tensor<!q.real> -> tensor<1x2x!q.real> loc("Mul_1")
// CHECK-NEXT: [[C:%.*]] = q.constant #q.dense<["5/2", "-23/2"] : tensor<2x!q.real>>
// CHECK-NEXT: [[S:%.*]] = q.add [[M]], [[C]] : {{.*}} loc("Add_2")
// CHECK-NEXT: func.return [[S]]

// -----
// A value with a second use stays for that use.
func.func @main(%x: tensor<2x!q.real>) -> (tensor<2x!q.real>, tensor<2x!q.real>) {
  %a = q.constant #q.dense<"2" : tensor<!q.real>>
  %b = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %0 = q.mul %x, %a : tensor<2x!q.real>, tensor<!q.real> -> tensor<2x!q.real>
  %1 = q.mul %0, %b : tensor<2x!q.real>, tensor<!q.real> -> tensor<2x!q.real>
  func.return %0, %1 : tensor<2x!q.real>, tensor<2x!q.real>
}
// CHECK:      [[P:%.*]] = q.mul %x, %a
// CHECK-NEXT: [[C:%.*]] = q.constant #q.dense<"2/3" : tensor<!q.real>>
// CHECK-NEXT: [[Q:%.*]] = q.mul %x, [[C]]
// CHECK-NEXT: func.return [[P]], [[Q]]

// -----
// Multiplication by one and addition of zero go where the type stays the same, also for one-element tensors.
func.func @main(%x: tensor<1x!q.real>, %q: tensor<1x!q.fixed<4, 0>>) -> (tensor<1x!q.real>, tensor<1x!q.real>) {
  %one = q.constant #q.dense<"1" : tensor<!q.real>>
  %zero = q.constant #q.dense<["0"] : tensor<1x!q.real>>
  %0 = q.mul %x, %one : tensor<1x!q.real>, tensor<!q.real> -> tensor<1x!q.real>
  %1 = q.add %zero, %0 : tensor<1x!q.real>, tensor<1x!q.real> -> tensor<1x!q.real>
  %2 = q.mul %q, %one : tensor<1x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<1x!q.real>
  func.return %1, %2 : tensor<1x!q.real>, tensor<1x!q.real>
}
// CHECK:      %one = q.constant
// CHECK-NEXT: [[Q:%.*]] = q.mul %q, %one
// CHECK-NEXT: func.return %x, [[Q]]

// -----
// Integers stay integers; the old result's range is the proof that the old type still holds them.
func.func @main(%x: tensor<2x!q.ufixed<4, 0>>) -> tensor<2x!q.fixed<6, 0>> {
  %b = q.constant #q.dense<-8 : tensor<!q.fixed<4, 0>>>
  %a = q.constant #q.dense<[-1, 3] : tensor<2x!q.fixed<3, 0>>>
  %0 = q.add %x, %b : tensor<2x!q.ufixed<4, 0>>, tensor<!q.fixed<4, 0>> -> tensor<2x!q.fixed<4, 0>>
  %1 = q.mul %0, %a : tensor<2x!q.fixed<4, 0>>, tensor<2x!q.fixed<3, 0>> -> tensor<2x!q.fixed<6, 0>>
  func.return %1 : tensor<2x!q.fixed<6, 0>>
}
// CHECK:      [[M:%.*]] = q.mul %x, %a
// CHECK-NEXT: [[C:%.*]] = q.constant #q.dense<[8, -24] : tensor<2x!q.fixed<6, 0>>>
// CHECK-NEXT: q.add [[M]], [[C]] range <-32, 31> : {{.*}} -> tensor<2x!q.fixed<6, 0>>

// -----
// Integer weights take in their zero point, but not their scale.
func.func @main() -> tensor<2x2x!q.real> {
  %w = q.constant #q.dense<[[0, 1], [2, 3]] : tensor<2x2x!q.ufixed<2, 0>>>
  %z = q.constant #q.dense<-2 : tensor<!q.fixed<2, 0>>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %0 = q.add %w, %z : tensor<2x2x!q.ufixed<2, 0>>, tensor<!q.fixed<2, 0>> -> tensor<2x2x!q.fixed<2, 0>>
  %1 = q.mul %0, %s : tensor<2x2x!q.fixed<2, 0>>, tensor<!q.real> -> tensor<2x2x!q.real>
  func.return %1 : tensor<2x2x!q.real>
}
// CHECK:      [[W:%.*]] = q.constant #q.dense<{{\[\[}}-2, -1], [0, 1]] : tensor<2x2x!q.fixed<2, 0>>>
// CHECK-NEXT: q.mul [[W]], %s

// -----
// Float32 arithmetic rounds after each step and stays.
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %a = q.constant #q.dense<0.1 : tensor<f32>>
  %0 = q.mul %x, %a : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %1 = q.mul %0, %a : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  func.return %1 : tensor<2xf32>
}
// CHECK:      [[P:%.*]] = q.mul %x, %a
// CHECK-NEXT: q.mul [[P]], %a

// -----
// A dequantised bias becomes one constant.
func.func @main(%x: tensor<2x!q.real>) -> tensor<2x!q.real> {
  %b = q.constant #q.dense<[3, -4] : tensor<2x!q.fixed<4, 0>>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %0 = q.mul %b, %s : tensor<2x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<2x!q.real> loc("Bias_0")
  %1 = q.add %x, %0 : tensor<2x!q.real>, tensor<2x!q.real> -> tensor<2x!q.real> loc("Add_1")
  func.return %1 : tensor<2x!q.real>
}
// CHECK:      func.func @main
// CHECK-NEXT: [[C:%.*]] = q.constant #q.dense<["1", "-4/3"] : tensor<2x!q.real>>
// CHECK-NEXT: q.add %x, [[C]] : {{.*}} loc("Add_1")
