// RUN: qopt %s -p q-infer-ranges --split-input-file | filecheck %s

// An accumulator gets the type that its weights need, without a stated range where the operands show it.
func.func @main(%x: tensor<1x4x!q.fixed<4, 0>>) -> tensor<1x2x!q.real> {
  %w = q.constant #q.dense<[[1, -2], [3, 1], [-1, 0], [2, 2]] : tensor<4x2x!q.fixed<3, 0>>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %a = q.matmul %x, %w : tensor<1x4x!q.fixed<4, 0>>, tensor<4x2x!q.fixed<3, 0>> -> tensor<1x2x!q.fixed<32, 0>>
  %y = q.mul %a, %s : tensor<1x2x!q.fixed<32, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  func.return %y : tensor<1x2x!q.real>
}
// CHECK:      [[A:%.*]] = q.matmul %x, %w : tensor<1x4x!q.fixed<4, 0>>, tensor<4x2x!q.fixed<3, 0>> -> tensor<1x2x!q.fixed<7, 0>>
// CHECK-NEXT: q.mul [[A]], %s : tensor<1x2x!q.fixed<7, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>

// -----
// A range that follows from channels, not from whole types, is stated; views and further arithmetic follow.
func.func @main(%x: tensor<1x2x!q.ufixed<2, 0>>) -> tensor<2x1x!q.real> {
  %w = q.constant #q.dense<[[1, 0], [0, -1]] : tensor<2x2x!q.fixed<2, 0>>>
  %b = q.constant #q.dense<[-8, 8] : tensor<2x!q.fixed<5, 0>>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %a = q.matmul %x, %w : tensor<1x2x!q.ufixed<2, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<8, 0>>
  %c = q.add %a, %b : tensor<1x2x!q.fixed<8, 0>>, tensor<2x!q.fixed<5, 0>> -> tensor<1x2x!q.fixed<9, 0>>
  %t = q.transpose %c perm [1, 0] : tensor<1x2x!q.fixed<9, 0>> -> tensor<2x1x!q.fixed<9, 0>>
  %y = q.mul %t, %s : tensor<2x1x!q.fixed<9, 0>>, tensor<!q.real> -> tensor<2x1x!q.real>
  func.return %y : tensor<2x1x!q.real>
}
// CHECK:      %a = q.matmul %x, %w : {{.*}} -> tensor<1x2x!q.fixed<3, 0>>
// CHECK-NEXT: %c = q.add %a, %b range <-8, 8> : {{.*}} -> tensor<1x2x!q.fixed<5, 0>>
// CHECK-NEXT: %t = q.transpose %c perm [1, 0] : tensor<1x2x!q.fixed<5, 0>> -> tensor<2x1x!q.fixed<5, 0>>

// -----
// The type of a returned value stays, also behind a view; its range is stated.
func.func @main(%x: tensor<1x2x!q.fixed<2, 0>>) -> tensor<2x!q.fixed<9, 0>> {
  %w = q.constant #q.dense<[[1, 0], [0, -1]] : tensor<2x2x!q.fixed<2, 0>>>
  %a = q.matmul %x, %w range <-100, 100> : tensor<1x2x!q.fixed<2, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<9, 0>>
  %y = q.reshape %a : tensor<1x2x!q.fixed<9, 0>> -> tensor<2x!q.fixed<9, 0>>
  func.return %y : tensor<2x!q.fixed<9, 0>>
}
// CHECK: %a = q.matmul %x, %w : {{.*}} -> tensor<1x2x!q.fixed<9, 0>>

// -----
// A stated range is derived anew: too wide or wrong, it does not survive, and a type too narrow for the truth widens.
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x2x!q.real> {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %c = q.constant #q.dense<3 : tensor<!q.fixed<3, 0>>>
  %a = q.mul %x, %c range <-2, 1> : tensor<1x2x!q.fixed<4, 0>>, tensor<!q.fixed<3, 0>> -> tensor<1x2x!q.fixed<2, 0>>
  %y = q.mul %a, %s : tensor<1x2x!q.fixed<2, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  func.return %y : tensor<1x2x!q.real>
}
// CHECK: %a = q.mul %x, %c : {{.*}} -> tensor<1x2x!q.fixed<6, 0>>

// -----
// A narrow quantiser, a ReLU and a bias: unsigned where nothing is negative. Two uses of one value.
func.func @main(%x: tensor<1x2x!q.fixed<8, 0>>) -> tensor<1x2x!q.real> {
  %b = q.constant #q.dense<1 : tensor<!q.ufixed<1, 0>>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %q = q.quantize %x floor saturate narrow : tensor<1x2x!q.fixed<8, 0>> -> tensor<1x2x!q.fixed<2, 0>>
  %r = q.relu %q : tensor<1x2x!q.fixed<2, 0>> -> tensor<1x2x!q.ufixed<2, 0>>
  %c = q.add %r, %b : tensor<1x2x!q.ufixed<2, 0>>, tensor<!q.ufixed<1, 0>> -> tensor<1x2x!q.ufixed<3, 0>>
  %m = q.mul %c, %c range <1, 4> : tensor<1x2x!q.ufixed<3, 0>>, tensor<1x2x!q.ufixed<3, 0>> -> tensor<1x2x!q.ufixed<6, 0>>
  %y = q.mul %m, %s : tensor<1x2x!q.ufixed<6, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  func.return %y : tensor<1x2x!q.real>
}
// CHECK:      %r = q.relu %q : {{.*}} -> tensor<1x2x!q.ufixed<1, 0>>
// CHECK-NEXT: %c = q.add %r, %b : {{.*}} -> tensor<1x2x!q.ufixed<2, 0>>
// CHECK-NEXT: %m = q.mul %c, %c range <1, 4> : {{.*}} -> tensor<1x2x!q.ufixed<3, 0>>

// -----
// A private function that is called once is narrowed for what it is called with; its signature stays.
func.func @main(%x: tensor<1x!q.fixed<8, 0>>) -> tensor<1x!q.real> {
  %q = q.quantize %x floor saturate : tensor<1x!q.fixed<8, 0>> -> tensor<1x!q.fixed<3, 0>>
  %w = q.quantize %q floor saturate : tensor<1x!q.fixed<3, 0>> -> tensor<1x!q.fixed<8, 0>>
  %y = func.call @third(%w) : (tensor<1x!q.fixed<8, 0>>) -> tensor<1x!q.real>
  func.return %y : tensor<1x!q.real>
}
func.func private @third(%x: tensor<1x!q.fixed<8, 0>>) -> tensor<1x!q.real> {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %a = q.add %x, %x : tensor<1x!q.fixed<8, 0>>, tensor<1x!q.fixed<8, 0>> -> tensor<1x!q.fixed<9, 0>>
  %y = q.mul %a, %s : tensor<1x!q.fixed<9, 0>>, tensor<!q.real> -> tensor<1x!q.real>
  func.return %y : tensor<1x!q.real>
}
// CHECK: q.add %x, %x range <-8, 6> : tensor<1x!q.fixed<8, 0>>, tensor<1x!q.fixed<8, 0>> -> tensor<1x!q.fixed<4, 0>>

// -----
// Real and float32 arithmetic is left, and so are the types of quantisers and constants.
func.func @main(%x: tensor<1xf32>) -> tensor<1xf32> {
  %c = q.constant #q.dense<2.0 : tensor<f32>>
  %y = q.mul %x, %c : tensor<1xf32>, tensor<f32> -> tensor<1xf32>
  func.return %y : tensor<1xf32>
}
// CHECK: q.mul %x, %c : tensor<1xf32>, tensor<f32> -> tensor<1xf32>

// -----
// One element, one bit.
func.func @main(%x: tensor<1x1x!q.bipolar>) -> tensor<1x1x!q.real> {
  %w = q.constant #q.dense<[[-1]] : tensor<1x1x!q.bipolar>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %a = q.matmul %x, %w : tensor<1x1x!q.bipolar>, tensor<1x1x!q.bipolar> -> tensor<1x1x!q.fixed<8, 0>>
  %y = q.mul %a, %s : tensor<1x1x!q.fixed<8, 0>>, tensor<!q.real> -> tensor<1x1x!q.real>
  func.return %y : tensor<1x1x!q.real>
}
// CHECK: q.matmul %x, %w : {{.*}} -> tensor<1x1x!q.fixed<2, 0>>

// -----
// Where branches of one value meet, what they have in common counts once; a chain of products counts as one product.
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> (tensor<1x2x!q.real>, tensor<1x2x!q.real>) {
  %w = q.constant #q.dense<[[-1, 1], [1, -1]] : tensor<2x2x!q.fixed<2, 0>>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %a = q.matmul %x, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<32, 0>>
  %b = q.add %x, %a : tensor<1x2x!q.fixed<4, 0>>, tensor<1x2x!q.fixed<32, 0>> -> tensor<1x2x!q.fixed<33, 0>>
  %c = q.matmul %b, %w : tensor<1x2x!q.fixed<33, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<35, 0>>
  %y = q.mul %b, %s : tensor<1x2x!q.fixed<33, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %z = q.mul %c, %s : tensor<1x2x!q.fixed<35, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  func.return %y, %z : tensor<1x2x!q.real>, tensor<1x2x!q.real>
}
// CHECK:      %a = q.matmul %x, %w : {{.*}} -> tensor<1x2x!q.fixed<5, 0>>
// CHECK-NEXT: %b = q.add %x, %a range <-8, 7> : {{.*}} -> tensor<1x2x!q.fixed<4, 0>>
// CHECK-NEXT: %c = q.matmul %b, %w : {{.*}} -> tensor<1x2x!q.fixed<5, 0>>
