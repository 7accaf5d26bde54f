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

// -----
// A positive scale and an offset move behind pools and reductions: codes are compared and added.
func.func @main(%x: tensor<1x2x4x4x!q.ufixed<4, 0>>) -> tensor<1x2x!q.real> {
  %s = q.constant #q.dense<[[["1/3"]], [["1/5"]]] : tensor<2x1x1x!q.real>>
  %c = q.constant #q.dense<"1/2" : tensor<!q.real>>
  %0 = q.mul %x, %s : tensor<1x2x4x4x!q.ufixed<4, 0>>, tensor<2x1x1x!q.real> -> tensor<1x2x4x4x!q.real>
  %1 = q.add %0, %c : tensor<1x2x4x4x!q.real>, tensor<!q.real> -> tensor<1x2x4x4x!q.real>
  %2 = q.max_pool %1 kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] : tensor<1x2x4x4x!q.real> -> tensor<1x2x2x2x!q.real>
  %3 = q.reduce_sum %2 axes [2, 3] : tensor<1x2x2x2x!q.real> -> tensor<1x2x!q.real>
  func.return %3 : tensor<1x2x!q.real>
}
// CHECK:      [[P:%.*]] = q.max_pool %x {{.*}} -> tensor<1x2x2x2x!q.ufixed<4, 0>>
// CHECK-NEXT: [[R:%.*]] = q.reduce_sum [[P]] axes [2, 3] : {{.*}} -> tensor<1x2x!q.ufixed<6, 0>>
// CHECK-NEXT: [[S:%.*]] = q.constant #q.dense<["1/3", "1/5"]
// CHECK-NEXT: [[M:%.*]] = q.mul [[R]], [[S]]
// CHECK-NEXT: [[C:%.*]] = q.constant #q.dense<"2"
// CHECK-NEXT: q.add [[M]], [[C]]

// -----
// An offset stays in front of windows that reach over the edge, a negative scale in front of the largest element.
func.func @main(%x: tensor<1x1x4x!q.ufixed<4, 0>>) -> (tensor<1x1x4x!q.real>, tensor<1x1x!q.real>) {
  %s = q.constant #q.dense<"-1/3" : tensor<!q.real>>
  %c = q.constant #q.dense<"1/2" : tensor<!q.real>>
  %0 = q.add %x, %c : tensor<1x1x4x!q.ufixed<4, 0>>, tensor<!q.real> -> tensor<1x1x4x!q.real>
  %1 = q.sum_pool %0 kernel [3] strides [1] pads [1, 1] dilations [1] : tensor<1x1x4x!q.real> -> tensor<1x1x4x!q.real>
  %2 = q.mul %x, %s : tensor<1x1x4x!q.ufixed<4, 0>>, tensor<!q.real> -> tensor<1x1x4x!q.real>
  %3 = q.reduce_max %2 axes [2] : tensor<1x1x4x!q.real> -> tensor<1x1x!q.real>
  func.return %1, %3 : tensor<1x1x4x!q.real>, tensor<1x1x!q.real>
}
// CHECK:      [[A:%.*]] = q.add %x, %c
// CHECK-NEXT: q.sum_pool [[A]]
// CHECK:      [[M:%.*]] = q.mul %x, %s
// CHECK-NEXT: q.reduce_max [[M]]

// -----
// A border of zeros is a border of zero points; joined tensors keep their scales beside each other.
func.func @main(%x: tensor<1x2x4x!q.ufixed<4, 0>>, %y: tensor<1x1x5x!q.fixed<4, 0>>) -> tensor<1x3x5x!q.real> {
  %z = q.constant #q.dense<-3 : tensor<!q.fixed<3, 0>>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %t = q.constant #q.dense<"1/5" : tensor<!q.real>>
  %zero = q.constant #q.dense<0 : tensor<!q.ufixed<1, 0>>>
  %0 = q.add %x, %z : tensor<1x2x4x!q.ufixed<4, 0>>, tensor<!q.fixed<3, 0>> -> tensor<1x2x4x!q.fixed<5, 0>>
  %1 = q.mul %0, %s : tensor<1x2x4x!q.fixed<5, 0>>, tensor<!q.real> -> tensor<1x2x4x!q.real>
  %2 = q.pad %1, %zero low [0, 0, 1] high [0, 0, 0] : tensor<1x2x4x!q.real>, tensor<!q.ufixed<1, 0>> -> tensor<1x2x5x!q.real>
  %3 = q.mul %y, %t : tensor<1x1x5x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<1x1x5x!q.real>
  %4 = q.concat %2, %3 axis 1 : tensor<1x2x5x!q.real>, tensor<1x1x5x!q.real> -> tensor<1x3x5x!q.real>
  func.return %4 : tensor<1x3x5x!q.real>
}
// CHECK:      [[Z:%.*]] = q.constant #q.dense<3
// CHECK-NEXT: [[P:%.*]] = q.pad %x, [[Z]] low [0, 0, 1] high [0, 0, 0] : {{.*}} -> tensor<1x2x5x!q.ufixed<4, 0>>
// CHECK-NEXT: [[J:%.*]] = q.concat [[P]], %y axis 1 : {{.*}} -> tensor<1x3x5x!q.fixed<5, 0>>
// CHECK-NEXT: [[C:%.*]] = q.constant #q.dense<{{\[\[}}-3], [-3], [0]]
// CHECK-NEXT: [[A:%.*]] = q.add [[J]], [[C]]
// CHECK-NEXT: [[S:%.*]] = q.constant #q.dense<{{\[\[}}"1/3"], ["1/3"], ["1/5"]]
// CHECK-NEXT: q.mul [[A]], [[S]]

// -----
// The scale of an image and those of the output channels move behind the convolution.
func.func @main(%x: tensor<1x2x3x3x!q.fixed<4, 0>>) -> tensor<1x2x2x2x!q.real> {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %w = q.constant #q.dense<1 : tensor<2x2x2x2x!q.fixed<2, 0>>>
  %t = q.constant #q.dense<[[[["1/5"]]], [[["1/7"]]]] : tensor<2x1x1x1x!q.real>>
  %0 = q.mul %x, %s : tensor<1x2x3x3x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<1x2x3x3x!q.real>
  %1 = q.mul %w, %t : tensor<2x2x2x2x!q.fixed<2, 0>>, tensor<2x1x1x1x!q.real> -> tensor<2x2x2x2x!q.real>
  %2 = q.conv %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x3x!q.real>, tensor<2x2x2x2x!q.real> -> tensor<1x2x2x2x!q.real>
  func.return %2 : tensor<1x2x2x2x!q.real>
}
// CHECK:      [[P:%.*]] = q.conv %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : {{.*}} -> tensor<1x2x2x2x!q.fixed<7, 0>>
// CHECK-NEXT: [[T:%.*]] = q.constant #q.dense<{{\[\[\[}}"1/5"{{\]\]}}, {{\[\[}}"1/7"{{\]\]\]}} : tensor<2x1x1x!q.real>>
// CHECK-NEXT: [[M:%.*]] = q.mul [[P]], [[T]]
// CHECK-NEXT: [[S:%.*]] = q.constant #q.dense<"1/3" : tensor<!q.real>>
// CHECK-NEXT: q.mul [[M]], [[S]]

// -----
// Outside a padded image is 0 behind the offset: the border before it is minus the offset.
func.func @main(%x: tensor<1x1x3x!q.ufixed<4, 0>>) -> tensor<1x1x3x!q.fixed<6, 0>> {
  %z = q.constant #q.dense<-8 : tensor<!q.fixed<4, 0>>>
  %w = q.constant #q.dense<[[[1, 2]]] : tensor<1x1x2x!q.ufixed<2, 0>>>
  %0 = q.add %x, %z : tensor<1x1x3x!q.ufixed<4, 0>>, tensor<!q.fixed<4, 0>> -> tensor<1x1x3x!q.fixed<4, 0>>
  %1 = q.conv %0, %w strides [1] pads [1, 0] dilations [1] groups 1 : tensor<1x1x3x!q.fixed<4, 0>>, tensor<1x1x2x!q.ufixed<2, 0>> -> tensor<1x1x3x!q.fixed<6, 0>>
  func.return %1 : tensor<1x1x3x!q.fixed<6, 0>>
}
// CHECK:      [[B:%.*]] = q.constant #q.dense<8 : tensor<!q.ufixed<4, 0>>>
// CHECK-NEXT: [[P:%.*]] = q.pad %x, [[B]] low [0, 0, 1] high [0, 0, 0] : {{.*}} -> tensor<1x1x4x!q.ufixed<4, 0>>
// CHECK-NEXT: [[C:%.*]] = q.conv [[P]], %w strides [1] pads [0, 0] dilations [1] groups 1
// CHECK-NEXT: [[O:%.*]] = q.constant #q.dense<{{.*}}-24{{.*}}>
// CHECK-NEXT: q.add [[C]], [[O]] {{.*}}-> tensor<1x1x3x!q.fixed<6, 0>>

// -----
// A scale that differs between the channels that are summed stays, but not where each channel is a group of its own.
func.func @main(%x: tensor<1x2x3x!q.fixed<4, 0>>) -> (tensor<1x1x2x!q.real>, tensor<1x2x2x!q.real>) {
  %s = q.constant #q.dense<[["1/3"], ["1/5"]] : tensor<2x1x!q.real>>
  %w = q.constant #q.dense<[[[1, 2], [3, 1]]] : tensor<1x2x2x!q.ufixed<2, 0>>>
  %d = q.constant #q.dense<[[[1, 2]], [[3, 1]]] : tensor<2x1x2x!q.ufixed<2, 0>>>
  %0 = q.mul %x, %s : tensor<1x2x3x!q.fixed<4, 0>>, tensor<2x1x!q.real> -> tensor<1x2x3x!q.real>
  %1 = q.conv %0, %w strides [1] pads [0, 0] dilations [1] groups 1 : tensor<1x2x3x!q.real>, tensor<1x2x2x!q.ufixed<2, 0>> -> tensor<1x1x2x!q.real>
  %2 = q.conv %0, %d strides [1] pads [0, 0] dilations [1] groups 2 : tensor<1x2x3x!q.real>, tensor<2x1x2x!q.ufixed<2, 0>> -> tensor<1x2x2x!q.real>
  func.return %1, %2 : tensor<1x1x2x!q.real>, tensor<1x2x2x!q.real>
}
// CHECK:      [[A:%.*]] = q.mul %x, %s
// CHECK:      q.conv [[A]], %w
// CHECK:      [[C:%.*]] = q.conv %x, %d
// CHECK:      q.mul [[C]]

// -----
// The scales of two branches move behind their product; a zero point becomes an integer in front of it.
func.func @main(%x: tensor<1x4x!q.ufixed<8, 0>>, %g: tensor<1x1x!q.ufixed<8, 0>>) -> tensor<1x4x!q.real> {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %o = q.constant #q.dense<"-7/3" : tensor<!q.real>>
  %t = q.constant #q.dense<"1/5" : tensor<!q.real>>
  %0 = q.mul %x, %s : tensor<1x4x!q.ufixed<8, 0>>, tensor<!q.real> -> tensor<1x4x!q.real>
  %1 = q.add %0, %o : tensor<1x4x!q.real>, tensor<!q.real> -> tensor<1x4x!q.real>
  %2 = q.mul %g, %t : tensor<1x1x!q.ufixed<8, 0>>, tensor<!q.real> -> tensor<1x1x!q.real>
  %3 = q.mul %1, %2 : tensor<1x4x!q.real>, tensor<1x1x!q.real> -> tensor<1x4x!q.real> loc("Mul_3")
  func.return %3 : tensor<1x4x!q.real>
}
// CHECK:      [[Z:%.*]] = q.constant #q.dense<-7 : tensor<!q.fixed<4, 0>>>
// CHECK-NEXT: [[A:%.*]] = q.add %x, [[Z]] {{.*}} loc("Mul_3")
// CHECK-NEXT: [[P:%.*]] = q.mul [[A]], %g {{.*}} -> tensor<1x4x!q.fixed<17, 0>> loc("Mul_3")
// CHECK-NEXT: [[S:%.*]] = q.constant #q.dense<"1/15" : tensor<!q.real>>
// CHECK-NEXT: q.mul [[P]], [[S]] {{.*}} -> tensor<1x4x!q.real>

// -----
// A value times a function of itself is left: both become one table.
func.func @main(%x: tensor<1x4x!q.fixed<8, 0>>) -> tensor<1x4x!q.real> {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %0 = q.mul %x, %s : tensor<1x4x!q.fixed<8, 0>>, tensor<!q.real> -> tensor<1x4x!q.real>
  %1 = q.relu %0 : tensor<1x4x!q.real> -> tensor<1x4x!q.real>
  %2 = q.mul %0, %1 : tensor<1x4x!q.real>, tensor<1x4x!q.real> -> tensor<1x4x!q.real>
  func.return %2 : tensor<1x4x!q.real>
}
// CHECK: q.mul %0, %1 : tensor<1x4x!q.real>, tensor<1x4x!q.real> -> tensor<1x4x!q.real>
