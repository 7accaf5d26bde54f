// RUN: qopt %s -p q-lower-sub-div --split-input-file | filecheck %s

// Subtraction and division by constants become addition and multiplication; the reciprocal is an exact fraction.
func.func @main(%x: tensor<1x2x!q.fixed<8, 0>>) -> tensor<1x2x!q.real> {
  %c = q.constant #q.dense<["1/3", "-2"] : tensor<2x!q.real>>
  %d = q.constant #q.dense<"-3" : tensor<!q.real>>
  %0 = q.sub %x, %c : tensor<1x2x!q.fixed<8, 0>>, tensor<2x!q.real> -> tensor<1x2x!q.real> loc("Sub_1")
  %1 = q.div %0, %d : tensor<1x2x!q.real>, tensor<!q.real> -> tensor<1x2x!q.real> loc("Div_2")
  func.return %1 : tensor<1x2x!q.real>
}
// CHECK:      [[C:%.*]] = q.constant #q.dense<["-1/3", "2"] : tensor<2x!q.real>>
// CHECK-NEXT: [[A:%.*]] = q.add %x, [[C]] : {{.*}} loc("Sub_1")
// CHECK-NEXT: [[D:%.*]] = q.constant #q.dense<"-1/3" : tensor<!q.real>>
// CHECK-NEXT: q.mul [[A]], [[D]] : {{.*}} loc("Div_2")

// -----
// A zero point keeps integers integer, and their type.
func.func @main(%x: tensor<2x!q.ufixed<8, 0>>) -> tensor<2x!q.fixed<9, 0>> {
  %z = q.constant #q.dense<128 : tensor<!q.ufixed<8, 0>>>
  %0 = q.sub %x, %z : tensor<2x!q.ufixed<8, 0>>, tensor<!q.ufixed<8, 0>> -> tensor<2x!q.fixed<9, 0>>
  func.return %0 : tensor<2x!q.fixed<9, 0>>
}
// CHECK:      [[Z:%.*]] = q.constant #q.dense<-128 : tensor<!q.fixed<8, 0>>>
// CHECK-NEXT: q.add %x, [[Z]] : tensor<2x!q.ufixed<8, 0>>, tensor<!q.fixed<8, 0>> -> tensor<2x!q.fixed<9, 0>>

// -----
// A constant minus a value is the value times -1 plus the constant.
func.func @main(%x: tensor<2x!q.ufixed<4, 0>>) -> tensor<2x!q.fixed<5, 0>> {
  %one = q.constant #q.dense<1 : tensor<!q.ufixed<1, 0>>>
  %0 = q.sub %one, %x : tensor<!q.ufixed<1, 0>>, tensor<2x!q.ufixed<4, 0>> -> tensor<2x!q.fixed<5, 0>>
  func.return %0 : tensor<2x!q.fixed<5, 0>>
}
// CHECK:      [[N:%.*]] = q.constant #q.dense<-1 : tensor<!q.fixed<1, 0>>>
// CHECK-NEXT: [[M:%.*]] = q.mul %x, [[N]]
// CHECK-NEXT: [[C:%.*]] = q.constant #q.dense<1 : tensor<!q.ufixed<1, 0>>>
// CHECK-NEXT: q.add [[M]], [[C]] range <-16, 15> : {{.*}} -> tensor<2x!q.fixed<5, 0>>

// -----
// The difference of two computed values stays, and so does float32 arithmetic.
func.func @main(%x: tensor<2x!q.real>, %y: tensor<2x!q.real>, %f: tensor<2xf32>) -> (tensor<2x!q.real>, tensor<2xf32>) {
  %c = q.constant #q.dense<3.0 : tensor<f32>>
  %0 = q.sub %x, %y : tensor<2x!q.real>, tensor<2x!q.real> -> tensor<2x!q.real>
  %1 = q.div %f, %c : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  func.return %0, %1 : tensor<2x!q.real>, tensor<2xf32>
}
// CHECK: q.sub %x, %y
// CHECK: q.div %f, %c
