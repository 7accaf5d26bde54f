// RUN: qopt %s -p q-move-affine-past-linear --split-input-file | filecheck %s

// The scales of both operands move behind the matrix product, whose integers get their exact accumulator.
func.func @main(%x: tensor<1x4x!q.fixed<8, 0>>) -> tensor<1x2x!q.real> {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %w = q.constant #q.dense<[[1, -1], [2, 3], [-3, -2], [0, 1]] : tensor<4x2x!q.fixed<3, 0>>>
  %t = q.constant #q.dense<[["1/5", "1/7"]] : tensor<1x2x!q.real>>
  %0 = q.mul %x, %s : tensor<1x4x!q.fixed<8, 0>>, tensor<!q.real> -> tensor<1x4x!q.real> loc("Quant_0")
  %1 = q.mul %w, %t : tensor<4x2x!q.fixed<3, 0>>, tensor<1x2x!q.real> -> tensor<4x2x!q.real> loc("Quant_1")
  %2 = q.matmul %0, %1 : tensor<1x4x!q.real>, tensor<4x2x!q.real> -> tensor<1x2x!q.real> loc("MatMul_2")
  func.return %2 : tensor<1x2x!q.real>
}
// CHECK:      [[P:%.*]] = q.matmul %x, %w : {{.*}} -> tensor<1x2x!q.fixed<11, 0>> loc("MatMul_2")
// CHECK-NEXT: [[T:%.*]] = q.constant #q.dense<["1/5", "1/7"] : tensor<2x!q.real>>
// CHECK-NEXT: [[M:%.*]] = q.mul [[P]], [[T]] : {{.*}} loc("Quant_1")
// CHECK-NEXT: [[S:%.*]] = q.constant #q.dense<"1/3" : tensor<!q.real>>
// CHECK-NEXT: q.mul [[M]], [[S]] : {{.*}} -> tensor<1x2x!q.real> loc("Quant_0")

// -----
// An offset moves as its product with the constant weights: here a zero point, which stays integer.
func.func @main(%x: tensor<1x2x!q.ufixed<4, 0>>) -> tensor<1x1x!q.fixed<7, 0>> {
  %z = q.constant #q.dense<-8 : tensor<!q.fixed<4, 0>>>
  %w = q.constant #q.dense<[[3], [-2]] : tensor<2x1x!q.fixed<3, 0>>>
  %0 = q.add %x, %z : tensor<1x2x!q.ufixed<4, 0>>, tensor<!q.fixed<4, 0>> -> tensor<1x2x!q.fixed<4, 0>>
  %1 = q.matmul %0, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x1x!q.fixed<3, 0>> -> tensor<1x1x!q.fixed<7, 0>>
  func.return %1 : tensor<1x1x!q.fixed<7, 0>>
}
// CHECK:      [[P:%.*]] = q.matmul %x, %w : tensor<1x2x!q.ufixed<4, 0>>
// CHECK-NEXT: [[C:%.*]] = q.constant #q.dense<-8 : tensor<!q.fixed<4, 0>>>
// CHECK-NEXT: q.add [[P]], [[C]] {{.*}}-> tensor<1x1x!q.fixed<7, 0>>

// -----
// Reshape and transpose let scales pass, those per channel too; the value before them has two uses.
func.func @main(%x: tensor<2x3x!q.fixed<4, 0>>) -> (tensor<6x!q.real>, tensor<3x2x!q.real>) {
  %s = q.constant #q.dense<[["1/3"], ["1/5"]] : tensor<2x1x!q.real>>
  %0 = q.mul %x, %s : tensor<2x3x!q.fixed<4, 0>>, tensor<2x1x!q.real> -> tensor<2x3x!q.real>
  %1 = q.reshape %0 : tensor<2x3x!q.real> -> tensor<6x!q.real>
  %2 = q.transpose %0 perm [1, 0] : tensor<2x3x!q.real> -> tensor<3x2x!q.real>
  func.return %1, %2 : tensor<6x!q.real>, tensor<3x2x!q.real>
}
// CHECK:      [[R:%.*]] = q.reshape %x : tensor<2x3x!q.fixed<4, 0>> -> tensor<6x!q.fixed<4, 0>>
// CHECK-NEXT: [[A:%.*]] = q.constant #q.dense<["1/3", "1/3", "1/3", "1/5", "1/5", "1/5"] : tensor<6x!q.real>>
// CHECK-NEXT: q.mul [[R]], [[A]]
// CHECK-NEXT: [[T:%.*]] = q.transpose %x perm [1, 0]
// CHECK-NEXT: [[B:%.*]] = q.constant #q.dense<["1/3", "1/5"] : tensor<2x!q.real>>
// CHECK-NEXT: q.mul [[T]], [[B]]

// -----
// A positive scale and an offset do not matter to arg-max.
func.func @main(%x: tensor<1x3x!q.fixed<4, 0>>) -> tensor<1x!q.ufixed<2, 0>> {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %0 = q.mul %x, %s : tensor<1x3x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<1x3x!q.real>
  %1 = q.add %0, %s : tensor<1x3x!q.real>, tensor<!q.real> -> tensor<1x3x!q.real>
  %2 = q.arg_max %1 axis 1 : tensor<1x3x!q.real> -> tensor<1x!q.ufixed<2, 0>>
  func.return %2 : tensor<1x!q.ufixed<2, 0>>
}
// CHECK:     q.arg_max %x axis 1 : tensor<1x3x!q.fixed<4, 0>>
// CHECK-NOT: q.mul
// CHECK:     func.return

// -----
// Top-k gives the indices at once and scales its values afterwards.
func.func @main(%x: tensor<1x3x!q.fixed<4, 0>>) -> (tensor<1x2x!q.real>, tensor<1x2x!q.ufixed<2, 0>>) {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %0 = q.mul %x, %s : tensor<1x3x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<1x3x!q.real>
  %v, %i = q.top_k %0 k 2 axis 1 : tensor<1x3x!q.real> -> tensor<1x2x!q.real>, tensor<1x2x!q.ufixed<2, 0>>
  func.return %v, %i : tensor<1x2x!q.real>, tensor<1x2x!q.ufixed<2, 0>>
}
// CHECK:      [[V:%.*]], [[I:%.*]] = q.top_k %x k 2 axis 1
// CHECK:      [[S:%.*]] = q.mul [[V]]
// CHECK-NEXT: func.return [[S]], [[I]]

// -----
// A negative scale turns arg-max round and stays.
func.func @main(%x: tensor<1x3x!q.fixed<4, 0>>) -> tensor<1x!q.ufixed<2, 0>> {
  %s = q.constant #q.dense<"-1/3" : tensor<!q.real>>
  %0 = q.mul %x, %s : tensor<1x3x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<1x3x!q.real>
  %1 = q.arg_max %0 axis 1 : tensor<1x3x!q.real> -> tensor<1x!q.ufixed<2, 0>>
  func.return %1 : tensor<1x!q.ufixed<2, 0>>
}
// CHECK:      [[M:%.*]] = q.mul %x, %s
// CHECK-NEXT: q.arg_max [[M]]

// -----
// A scale that differs along the summed axis stays, and so does an offset before a computed operand.
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>, %y: tensor<2x1x!q.fixed<4, 0>>) -> tensor<1x1x!q.real> {
  %s = q.constant #q.dense<["1/3", "1/5"] : tensor<2x!q.real>>
  %c = q.constant #q.dense<"1/2" : tensor<!q.real>>
  %0 = q.mul %x, %s : tensor<1x2x!q.fixed<4, 0>>, tensor<2x!q.real> -> tensor<1x2x!q.real>
  %1 = q.add %y, %c : tensor<2x1x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<2x1x!q.real>
  %2 = q.matmul %0, %1 : tensor<1x2x!q.real>, tensor<2x1x!q.real> -> tensor<1x1x!q.real>
  func.return %2 : tensor<1x1x!q.real>
}
// CHECK:      [[M:%.*]] = q.mul %x, %s
// CHECK-NEXT: [[A:%.*]] = q.add %y, %c
// CHECK-NEXT: q.matmul [[M]], [[A]]

// -----
// A matrix product in float32 rounds, so nothing moves through it.
func.func @main(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
  %s = q.constant #q.dense<0.1 : tensor<f32>>
  %w = q.constant #q.dense<[[1.0], [2.0]] : tensor<2x1xf32>>
  %0 = q.mul %x, %s : tensor<1x2xf32>, tensor<f32> -> tensor<1x2xf32>
  %1 = q.matmul %0, %w : tensor<1x2xf32>, tensor<2x1xf32> -> tensor<1x1xf32>
  func.return %1 : tensor<1x1xf32>
}
// CHECK:      [[M:%.*]] = q.mul %x, %s
// CHECK-NEXT: q.matmul [[M]], %w
