// RUN: qopt %s -p q-fold-constants --split-input-file | filecheck %s

// Quantised weights become integers behind the transposition; their scale stays apart.
func.func @main() -> tensor<4x2xf32> {
  %w = q.constant #q.dense<[[0.1, 0.2, -0.31, 0.04], [0.4, -0.3, 9.0, 0.0]] : tensor<2x4xf32>>
  %s = q.constant #q.dense<[[0.1], [0.2]] : tensor<2x1xf32>>
  %0 = q.div %w, %s : tensor<2x4xf32>, tensor<2x1xf32> -> tensor<2x4xf32>
  %1 = q.quantize %0 half_even saturate narrow : tensor<2x4xf32> -> tensor<2x4x!q.fixed<3, 0>> loc("Quant_1")
  %2 = q.mul %1, %s : tensor<2x4x!q.fixed<3, 0>>, tensor<2x1xf32> -> tensor<2x4xf32> loc("Quant_1")
  %3 = q.transpose %2 perm [1, 0] : tensor<2x4xf32> -> tensor<4x2xf32> loc("Transpose_2")
  func.return %3 : tensor<4x2xf32>
}
// CHECK:      func.func @main
// CHECK-NEXT: [[W:%.*]] = q.constant #q.dense<{{\[\[}}1, 2], [2, -2], [-3, 3], [0, 0]] : tensor<4x2x!q.fixed<3, 0>>> loc("Transpose_2")
// CHECK-NEXT: [[S:%.*]] = q.constant #q.dense<[0.1, 0.2] : tensor<2xf32>>
// CHECK-NEXT: [[M:%.*]] = q.mul [[W]], [[S]] : {{.*}} loc("Quant_1")
// CHECK-NEXT: func.return [[M]]

// -----
// A zero point between the integers and the scale does not hinder; the integers have a second use.
func.func @main() -> (tensor<2xf32>, tensor<1x2x!q.ufixed<2, 0>>) {
  %w = q.constant #q.dense<[[0, 3]] : tensor<1x2x!q.ufixed<2, 0>>>
  %z = q.constant #q.dense<2.0 : tensor<f32>>
  %s = q.constant #q.dense<0.5 : tensor<f32>>
  %0 = q.sub %w, %z : tensor<1x2x!q.ufixed<2, 0>>, tensor<f32> -> tensor<1x2xf32>
  %1 = q.mul %0, %s : tensor<1x2xf32>, tensor<f32> -> tensor<1x2xf32>
  %2 = q.reshape %1 : tensor<1x2xf32> -> tensor<2xf32>
  func.return %2, %w : tensor<2xf32>, tensor<1x2x!q.ufixed<2, 0>>
}
// CHECK:      %w = q.constant
// CHECK-NEXT: [[R:%.*]] = q.constant #q.dense<[0, 3] : tensor<2x!q.ufixed<2, 0>>>
// CHECK:      [[D:%.*]] = q.sub [[R]],
// CHECK:      [[M:%.*]] = q.mul [[D]],
// CHECK-NEXT: func.return [[M]], %w

// -----
// Float32 constants are computed as the model computes them (0.1 + 0.2 rounds), a bipolar one too; unused ops go.
func.func @main(%x: tensor<1xf32>) -> (tensor<f32>, tensor<1x!q.bipolar>) {
  %a = q.constant #q.dense<0.1 : tensor<f32>>
  %b = q.constant #q.dense<0.2 : tensor<f32>>
  %c = q.constant #q.dense<[-0.5] : tensor<1xf32>>
  %0 = q.add %a, %b : tensor<f32>, tensor<f32> -> tensor<f32>
  %1 = q.mul %x, %a : tensor<1xf32>, tensor<f32> -> tensor<1xf32>
  %2 = q.quantize %c half_even saturate : tensor<1xf32> -> tensor<1x!q.bipolar>
  func.return %0, %2 : tensor<f32>, tensor<1x!q.bipolar>
}
// CHECK:      func.func @main
// CHECK-NEXT: [[S:%.*]] = q.constant #q.dense<0.3 : tensor<f32>>
// CHECK-NEXT: [[B:%.*]] = q.constant #q.dense<[-1] : tensor<1x!q.bipolar>>
// CHECK-NEXT: func.return [[S]], [[B]]

// -----
// What depends on an input stays.
func.func @main(%x: tensor<1x2xf32>) -> tensor<2x1xf32> {
  %a = q.constant #q.dense<0.1 : tensor<f32>>
  %0 = q.mul %x, %a : tensor<1x2xf32>, tensor<f32> -> tensor<1x2xf32>
  %1 = q.transpose %0 perm [1, 0] : tensor<1x2xf32> -> tensor<2x1xf32>
  func.return %1 : tensor<2x1xf32>
}
// CHECK:      q.mul %x, %a
// CHECK-NEXT: q.transpose

// -----
// A part of quantised weights is taken of their codes.
func.func @main() -> tensor<1x2xf32> {
  %w = q.constant #q.dense<[[1, -2], [3, 0]] : tensor<2x2x!q.fixed<3, 0>>>
  %s = q.constant #q.dense<[[0.1], [0.2]] : tensor<2x1xf32>>
  %0 = q.mul %w, %s : tensor<2x2x!q.fixed<3, 0>>, tensor<2x1xf32> -> tensor<2x2xf32>
  %1 = q.slice %0 starts [1, 0] sizes [1, 2] steps [1, 1] : tensor<2x2xf32> -> tensor<1x2xf32>
  func.return %1 : tensor<1x2xf32>
}
// CHECK:      [[W:%.*]] = q.constant #q.dense<{{\[\[}}3, 0]] : tensor<1x2x!q.fixed<3, 0>>>
// CHECK-NEXT: [[S:%.*]] = q.constant #q.dense<0.2 : tensor<f32>>
// CHECK-NEXT: q.mul [[W]], [[S]]
