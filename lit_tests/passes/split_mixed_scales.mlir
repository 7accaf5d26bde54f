// RUN: qopt %s -p q-split-mixed-scales --split-input-file | filecheck %s

// Each operand of the concatenation gets a product of its own, on integers; 1/15 is the greatest common divisor.
func.func @main(%a: tensor<1x2x!q.ufixed<4, 0>>, %b: tensor<1x3x!q.fixed<4, 0>>) -> tensor<1x2x!q.real> {
  %s = q.constant #q.dense<["1/3", "1/3", "1/5", "1/5", "1/5"] : tensor<5x!q.real>>
  %w = q.constant #q.dense<[[1, -1], [2, 3], [-3, -2], [0, 1], [1, 1]] : tensor<5x2x!q.fixed<3, 0>>>
  %0 = q.concat %a, %b axis 1 : tensor<1x2x!q.ufixed<4, 0>>, tensor<1x3x!q.fixed<4, 0>> -> tensor<1x5x!q.fixed<5, 0>>
  %1 = q.mul %0, %s : tensor<1x5x!q.fixed<5, 0>>, tensor<5x!q.real> -> tensor<1x5x!q.real>
  %2 = q.matmul %1, %w : tensor<1x5x!q.real>, tensor<5x2x!q.fixed<3, 0>> -> tensor<1x2x!q.real> loc("MatMul_2")
  func.return %2 : tensor<1x2x!q.real>
}
// CHECK:      [[V:%.*]] = q.constant #q.dense<{{\[\[}}1, -1], [2, 3]]
// CHECK-NEXT: [[A:%.*]] = q.matmul %a, [[V]] : {{.*}} loc("MatMul_2")
// CHECK-NEXT: [[P:%.*]] = q.constant #q.dense<5
// CHECK-NEXT: [[M:%.*]] = q.mul [[A]], [[P]]
// CHECK-NEXT: [[U:%.*]] = q.constant #q.dense<{{\[\[}}-3, -2], [0, 1], [1, 1]]
// CHECK-NEXT: [[B:%.*]] = q.matmul %b, [[U]]
// CHECK-NEXT: [[Q:%.*]] = q.constant #q.dense<3
// CHECK-NEXT: [[N:%.*]] = q.mul [[B]], [[Q]]
// CHECK-NEXT: [[T:%.*]] = q.add [[M]], [[N]]
// CHECK-NEXT: [[G:%.*]] = q.constant #q.dense<"1/15" : tensor<!q.real>>
// CHECK-NEXT: q.mul [[T]], [[G]] : {{.*}} -> tensor<1x2x!q.real> loc("MatMul_2")

// -----
// Operands of one scale stay together; another zero point is a border of its own, and an offset behind.
func.func @main(%a: tensor<1x1x4x!q.fixed<4, 0>>, %b: tensor<1x1x4x!q.fixed<4, 0>>, %c: tensor<1x1x4x!q.fixed<4, 0>>) -> tensor<1x1x4x!q.real> {
  %s = q.constant #q.dense<[["1/2"], ["1/2"], ["1/6"]] : tensor<3x1x!q.real>>
  %o = q.constant #q.dense<[[0], [0], ["1/2"]] : tensor<3x1x!q.real>>
  %w = q.constant #q.dense<[[[1, 1, 1], [2, 1, 1], [3, 1, 1]]] : tensor<1x3x3x!q.fixed<3, 0>>>
  %0 = q.concat %a, %b, %c axis 1 : tensor<1x1x4x!q.fixed<4, 0>>, tensor<1x1x4x!q.fixed<4, 0>>, tensor<1x1x4x!q.fixed<4, 0>> -> tensor<1x3x4x!q.fixed<4, 0>>
  %1 = q.mul %0, %s : tensor<1x3x4x!q.fixed<4, 0>>, tensor<3x1x!q.real> -> tensor<1x3x4x!q.real>
  %2 = q.add %1, %o : tensor<1x3x4x!q.real>, tensor<3x1x!q.real> -> tensor<1x3x4x!q.real>
  %3 = q.conv %2, %w strides [1] pads [1, 1] dilations [1] groups 1 : tensor<1x3x4x!q.real>, tensor<1x3x3x!q.fixed<3, 0>> -> tensor<1x1x4x!q.real>
  func.return %3 : tensor<1x1x4x!q.real>
}
// CHECK:      [[J:%.*]] = q.concat %a, %b axis 1
// CHECK:      [[A:%.*]] = q.conv [[J]], {{.*}} pads [1, 1]
// CHECK:      [[M:%.*]] = q.mul [[A]]
// CHECK:      [[Z:%.*]] = q.constant #q.dense<-3
// CHECK-NEXT: [[P:%.*]] = q.pad %c, [[Z]] low [0, 0, 1] high [0, 0, 1]
// CHECK:      [[B:%.*]] = q.conv [[P]], {{.*}} pads [0, 0]
// CHECK-NEXT: q.add [[M]], [[B]]
// CHECK:      q.constant #q.dense<"5/2" : tensor<!q.real>>
// CHECK-NEXT: q.add

// -----
// Channels that alternate are gathered; two different groups of a grouped convolution may mix scales in the same way.
func.func @main(%a: tensor<1x4x2x!q.fixed<4, 0>>) -> tensor<1x2x2x!q.real> {
  %s = q.constant #q.dense<[["1/3"], ["1/5"], ["1/3"], ["1/5"]] : tensor<4x1x!q.real>>
  %w = q.constant #q.dense<[[[1], [2]], [[3], [-1]]] : tensor<2x2x1x!q.fixed<3, 0>>>
  %0 = q.mul %a, %s : tensor<1x4x2x!q.fixed<4, 0>>, tensor<4x1x!q.real> -> tensor<1x4x2x!q.real>
  %1 = q.conv %0, %w strides [1] pads [0, 0] dilations [1] groups 2 : tensor<1x4x2x!q.real>, tensor<2x2x1x!q.fixed<3, 0>> -> tensor<1x2x2x!q.real>
  func.return %1 : tensor<1x2x2x!q.real>
}
// CHECK:      [[A:%.*]] = q.gather %a indices [0, 2] axis 1
// CHECK-NEXT: [[V:%.*]] = q.constant #q.dense<{{\[\[\[}}1]], {{\[\[}}3]]]
// CHECK-NEXT: q.conv [[A]], [[V]] {{.*}} groups 2
// CHECK:      [[B:%.*]] = q.gather %a indices [1, 3] axis 1
// CHECK-NEXT: [[U:%.*]] = q.constant #q.dense<{{\[\[\[}}2]], {{\[\[}}-1]]]
// CHECK-NEXT: q.conv [[B]], [[U]] {{.*}} groups 2

// -----
// Groups that mix scales in different ways stay.
func.func @main(%a: tensor<1x4x2x!q.fixed<4, 0>>) -> tensor<1x2x2x!q.real> {
  %s = q.constant #q.dense<[["1/3"], ["1/3"], ["1/3"], ["1/5"]] : tensor<4x1x!q.real>>
  %w = q.constant #q.dense<[[[1], [2]], [[3], [-1]]] : tensor<2x2x1x!q.fixed<3, 0>>>
  %0 = q.mul %a, %s : tensor<1x4x2x!q.fixed<4, 0>>, tensor<4x1x!q.real> -> tensor<1x4x2x!q.real>
  %1 = q.conv %0, %w strides [1] pads [0, 0] dilations [1] groups 2 : tensor<1x4x2x!q.real>, tensor<2x2x1x!q.fixed<3, 0>> -> tensor<1x2x2x!q.real>
  func.return %1 : tensor<1x2x2x!q.real>
}
// CHECK-NOT:  q.gather
// CHECK:      q.conv {{.*}} : tensor<1x4x2x!q.real>

// -----
// A flattened image: each part is flattened by itself, and takes the rows of its elements.
func.func @main(%a: tensor<1x1x1x2x!q.fixed<4, 0>>, %b: tensor<1x2x1x2x!q.fixed<4, 0>>) -> tensor<1x1x!q.real> {
  %s = q.constant #q.dense<["1/3", "1/3", "1/5", "1/5", "1/5", "1/5"] : tensor<6x!q.real>>
  %w = q.constant #q.dense<[[1], [2], [3], [-1], [-2], [-3]] : tensor<6x1x!q.fixed<3, 0>>>
  %0 = q.concat %a, %b axis 1 : tensor<1x1x1x2x!q.fixed<4, 0>>, tensor<1x2x1x2x!q.fixed<4, 0>> -> tensor<1x3x1x2x!q.fixed<4, 0>>
  %1 = q.reshape %0 : tensor<1x3x1x2x!q.fixed<4, 0>> -> tensor<1x6x!q.fixed<4, 0>>
  %2 = q.mul %1, %s : tensor<1x6x!q.fixed<4, 0>>, tensor<6x!q.real> -> tensor<1x6x!q.real>
  %3 = q.matmul %2, %w : tensor<1x6x!q.real>, tensor<6x1x!q.fixed<3, 0>> -> tensor<1x1x!q.real>
  func.return %3 : tensor<1x1x!q.real>
}
// CHECK:      [[A:%.*]] = q.reshape %a : {{.*}} -> tensor<1x2x!q.fixed<4, 0>>
// CHECK-NEXT: [[V:%.*]] = q.constant #q.dense<{{\[\[}}1], [2]]
// CHECK-NEXT: q.matmul [[A]], [[V]]
// CHECK:      [[B:%.*]] = q.reshape %b : {{.*}} -> tensor<1x4x!q.fixed<4, 0>>
// CHECK-NEXT: [[U:%.*]] = q.constant #q.dense<{{\[\[}}3], [-1], [-2], [-3]]
// CHECK-NEXT: q.matmul [[B]], [[U]]

// -----
// Flattened with its channels last: instead of the parts the rows of the weights are transposed.
func.func @main(%a: tensor<1x1x1x2x!q.fixed<4, 0>>, %b: tensor<1x2x1x2x!q.fixed<4, 0>>) -> tensor<1x1x!q.real> {
  %s = q.constant #q.dense<["1/3", "1/5", "1/5", "1/3", "1/5", "1/5"] : tensor<6x!q.real>>
  %w = q.constant #q.dense<[[1], [2], [3], [-1], [-2], [-3]] : tensor<6x1x!q.fixed<3, 0>>>
  %0 = q.concat %a, %b axis 1 : tensor<1x1x1x2x!q.fixed<4, 0>>, tensor<1x2x1x2x!q.fixed<4, 0>> -> tensor<1x3x1x2x!q.fixed<4, 0>>
  %t = q.transpose %0 perm [0, 2, 3, 1] : tensor<1x3x1x2x!q.fixed<4, 0>> -> tensor<1x1x2x3x!q.fixed<4, 0>>
  %1 = q.reshape %t : tensor<1x1x2x3x!q.fixed<4, 0>> -> tensor<1x6x!q.fixed<4, 0>>
  %2 = q.mul %1, %s : tensor<1x6x!q.fixed<4, 0>>, tensor<6x!q.real> -> tensor<1x6x!q.real>
  %3 = q.matmul %2, %w : tensor<1x6x!q.real>, tensor<6x1x!q.fixed<3, 0>> -> tensor<1x1x!q.real>
  func.return %3 : tensor<1x1x!q.real>
}
// CHECK-NOT:  q.transpose %{{[ab]}}
// CHECK:      [[A:%.*]] = q.reshape %a : {{.*}} -> tensor<1x2x!q.fixed<4, 0>>
// CHECK-NEXT: [[V:%.*]] = q.constant #q.dense<{{\[\[}}1], [-1]]
// CHECK-NEXT: q.matmul [[A]], [[V]]
// CHECK:      [[B:%.*]] = q.reshape %b : {{.*}} -> tensor<1x4x!q.fixed<4, 0>>
// CHECK-NEXT: [[U:%.*]] = q.constant #q.dense<{{\[\[}}2], [-2], [3], [-3]]
// CHECK-NEXT: q.matmul [[B]], [[U]]

// -----
// A flattened image whose channels have elements of several scales stays.
func.func @main(%a: tensor<1x2x2x!q.fixed<4, 0>>) -> tensor<1x1x!q.real> {
  %s = q.constant #q.dense<["1/3", "1/3", "1/3", "1/5"] : tensor<4x!q.real>>
  %w = q.constant #q.dense<[[1], [2], [3], [-1]] : tensor<4x1x!q.fixed<3, 0>>>
  %1 = q.reshape %a : tensor<1x2x2x!q.fixed<4, 0>> -> tensor<1x4x!q.fixed<4, 0>>
  %2 = q.mul %1, %s : tensor<1x4x!q.fixed<4, 0>>, tensor<4x!q.real> -> tensor<1x4x!q.real>
  %3 = q.matmul %2, %w : tensor<1x4x!q.real>, tensor<4x1x!q.fixed<3, 0>> -> tensor<1x1x!q.real>
  func.return %3 : tensor<1x1x!q.real>
}
// CHECK-NOT:  q.gather
// CHECK:      q.matmul {{.*}} : tensor<1x4x!q.real>
