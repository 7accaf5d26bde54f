// RUN: qopt %s -p 'q-set-input-format{input-format="x: uint<2> scale 1/3"}' --split-input-file | filecheck %s

// The input takes codes 0 to 3 for 0, 1/3, 2/3, 1; thresholds replace the float32 ops up to the quantiser.
func.func @main(%x: tensor<1x2x2xf32> {q.name = "x"}) -> tensor<1x4x!q.fixed<2, 0>> {
  %two = q.constant #q.dense<2.0 : tensor<f32>>
  %one = q.constant #q.dense<[1.0] : tensor<1xf32>>
  %0 = q.reshape %x : tensor<1x2x2xf32> -> tensor<1x4xf32>
  %1 = q.mul %0, %two : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
  %2 = q.sub %1, %one : tensor<1x4xf32>, tensor<1xf32> -> tensor<1x4xf32>
  %3 = q.quantize %2 half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<2, 0>> loc("Quant_3")
  func.return %3 : tensor<1x4x!q.fixed<2, 0>>
}
// CHECK:      func.func @main(%x: tensor<1x2x2x!q.ufixed<2, 0>> {q.name = "x", q.scale = "1/3"})
// CHECK:      [[R:%.*]] = q.reshape %x : tensor<1x2x2x!q.ufixed<2, 0>> -> tensor<1x4x!q.ufixed<2, 0>>
// CHECK-NEXT: [[T:%.*]] = q.constant #q.dense<{{\[\[}}1, 3]] : tensor<1x2x!q.ufixed<2, 0>>>
// CHECK-NEXT: [[Y:%.*]] = q.threshold [[R]], [[T]] base -1 : {{.*}} loc("Quant_3")
// CHECK-NEXT: func.return [[Y]]

// -----
// Constants per channel give thresholds per channel; a negative one gives a falling channel.
func.func @main(%x: tensor<1x2xf32> {q.name = "x"}) -> tensor<1x2x!q.bipolar> {
  %c = q.constant #q.dense<[-1.0, 1.0] : tensor<2xf32>>
  %b = q.constant #q.dense<[0.5, -1.0] : tensor<2xf32>>
  %0 = q.mul %x, %c : tensor<1x2xf32>, tensor<2xf32> -> tensor<1x2xf32>
  %1 = q.add %0, %b : tensor<1x2xf32>, tensor<2xf32> -> tensor<1x2xf32>
  %2 = q.quantize %1 half_even saturate : tensor<1x2xf32> -> tensor<1x2x!q.bipolar>
  func.return %2 : tensor<1x2x!q.bipolar>
}
// CHECK:      [[T:%.*]] = q.constant #q.dense<{{\[\[}}2], [3]] : tensor<2x1x!q.ufixed<2, 0>>>
// CHECK-NEXT: [[D:%.*]] = q.constant #q.dense<[1, 0] : tensor<2x!q.ufixed<1, 0>>>
// CHECK-NEXT: q.threshold %x, [[T]] descending [[D]] : {{.*}} base -1

// -----
// Where the quantiser gives back the input's codes and type, nothing is left of it.
func.func @main(%x: tensor<1x2xf32> {q.name = "x"}) -> tensor<1x2x!q.ufixed<2, 0>> {
  %s = q.constant #q.dense<0.333333343 : tensor<f32>>
  %0 = q.div %x, %s : tensor<1x2xf32>, tensor<f32> -> tensor<1x2xf32>
  %1 = q.quantize %0 half_even saturate : tensor<1x2xf32> -> tensor<1x2x!q.ufixed<2, 0>>
  func.return %1 : tensor<1x2x!q.ufixed<2, 0>>
}
// CHECK:     func.func @main(%x: tensor<1x2x!q.ufixed<2, 0>> {q.name = "x", q.scale = "1/3"})
// CHECK-NOT: q.quantize
// CHECK:     func.return %x

// -----
// Where the quantiser does no more than saturate, it does so in integers.
func.func @main(%x: tensor<1x2xf32> {q.name = "x"}) -> tensor<1x2x!q.fixed<2, 0>> {
  %s = q.constant #q.dense<0.333333343 : tensor<f32>>
  %0 = q.div %x, %s : tensor<1x2xf32>, tensor<f32> -> tensor<1x2xf32>
  %1 = q.quantize %0 half_even saturate narrow : tensor<1x2xf32> -> tensor<1x2x!q.fixed<2, 0>> loc("Quant_1")
  func.return %1 : tensor<1x2x!q.fixed<2, 0>>
}
// CHECK: q.quantize %x half_even saturate narrow : tensor<1x2x!q.ufixed<2, 0>> -> tensor<1x2x!q.fixed<2, 0>> loc("Quant_1")

// -----
// An input without a quantiser of its own is turned into numbers.
func.func @main(%x: tensor<1x1xf32> {q.name = "x"}) -> tensor<1x1xf32> {
  %w = q.constant #q.dense<[[1]] : tensor<1x1x!q.fixed<2, 0>>>
  %0 = q.matmul %x, %w : tensor<1x1xf32>, tensor<1x1x!q.fixed<2, 0>> -> tensor<1x1xf32>
  func.return %0 : tensor<1x1xf32>
}
// CHECK:      [[S:%.*]] = q.constant #q.dense<"1/3" : tensor<!q.real>>
// CHECK-NEXT: [[M:%.*]] = q.mul %x, [[S]] : tensor<1x1x!q.ufixed<2, 0>>, tensor<!q.real> -> tensor<1x1x!q.real>
// CHECK-NEXT: [[F:%.*]] = q.quantize [[M]] half_even saturate : tensor<1x1x!q.real> -> tensor<1x1xf32>
// CHECK:      q.matmul [[F]], %w

// -----
// An input that has the type already is left alone.
func.func @main(%x: tensor<1x1x!q.ufixed<2, 0>> {q.name = "x"}) -> tensor<1x1x!q.ufixed<2, 0>> {
  func.return %x : tensor<1x1x!q.ufixed<2, 0>>
}
// CHECK:      func.func @main(%x: tensor<1x1x!q.ufixed<2, 0>> {q.name = "x"})
// CHECK-NEXT: func.return %x
