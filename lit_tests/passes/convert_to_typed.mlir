// RUN: qopt %s -p q-convert-to-typed --split-input-file | filecheck %s

// Behind the quantiser constants become exact numbers, float32 arithmetic becomes exact; softmax stays in float32.
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %s = q.constant #q.dense<0.1 : tensor<f32>>
  %d = q.div %x, %s : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
  %q = q.quantize %d half_even saturate : tensor<1x4xf32> -> tensor<1x4x!q.fixed<8, 0>>
  %m = q.mul %q, %s : tensor<1x4x!q.fixed<8, 0>>, tensor<f32> -> tensor<1x4xf32> loc("Quant_0")
  %y = q.softmax %m axis 1 : tensor<1x4xf32>
  func.return %y : tensor<1x4xf32>
}
// CHECK:      %d = q.div %x, %s : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
// CHECK-NEXT: %q = q.quantize %d
// CHECK-NEXT: %m = q.mul %q, [[S:%.*]] : tensor<1x4x!q.fixed<8, 0>>, tensor<!q.real> -> tensor<1x4x!q.real> loc("Quant_0")
// CHECK-NEXT: [[F:%.*]] = q.quantize %m half_even saturate : tensor<1x4x!q.real> -> tensor<1x4xf32>
// CHECK-NEXT: q.softmax [[F]] axis 1 : tensor<1x4xf32>

// -----
// A zero point is a whole number of quanta and stays an integer; the function still returns float32.
func.func @main(%x: tensor<1x2x!q.ufixed<8, 0>>) -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %z = q.constant #q.dense<128.0 : tensor<f32>>
  %s = q.constant #q.dense<0.5 : tensor<f32>>
  %0 = q.sub %x, %z : tensor<1x2x!q.ufixed<8, 0>>, tensor<f32> -> tensor<1x2xf32>
  %1 = q.mul %0, %s : tensor<1x2xf32>, tensor<f32> -> tensor<1x2xf32>
  %2 = q.relu %1 : tensor<1x2xf32> -> tensor<1x2xf32>
  func.return %1, %2 : tensor<1x2xf32>, tensor<1x2xf32>
}
// CHECK:      [[Z:%.*]] = q.constant #q.dense<128 : tensor<!q.ufixed<8, 0>>>
// CHECK-NEXT: [[D:%.*]] = q.sub %x, [[Z]] : {{.*}} -> tensor<1x2x!q.fixed<8, 0>>
// CHECK-NEXT: [[M:%.*]] = q.mul [[D]], {{.*}} -> tensor<1x2x!q.real>
// CHECK-NEXT: [[R:%.*]] = q.relu [[M]] : tensor<1x2x!q.real> -> tensor<1x2x!q.real>
// CHECK-NEXT: [[A:%.*]] = q.quantize [[M]] {{.*}} -> tensor<1x2xf32>
// CHECK-NEXT: [[B:%.*]] = q.quantize [[R]] {{.*}} -> tensor<1x2xf32>
// CHECK-NEXT: func.return [[A]], [[B]]

// -----
// An input that reaches a matrix product without a quantiser stays in float32.
func.func @main(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
  %w = q.constant #q.dense<[[1], [-1]] : tensor<2x1x!q.fixed<2, 0>>>
  %s = q.constant #q.dense<0.1 : tensor<f32>>
  %0 = q.matmul %x, %w : tensor<1x2xf32>, tensor<2x1x!q.fixed<2, 0>> -> tensor<1x1xf32>
  %1 = q.mul %0, %s : tensor<1x1xf32>, tensor<f32> -> tensor<1x1xf32>
  func.return %1 : tensor<1x1xf32>
}
// CHECK:      q.matmul %x, %w : {{.*}} -> tensor<1x1xf32>
// CHECK-NEXT: q.mul {{.*}} -> tensor<1x1xf32>

// -----
// Where exact and float32 numbers meet, arithmetic goes on in float32; float32 weights make a product float32.
func.func @main(%x: tensor<1x1xf32>, %q: tensor<1x1x!q.fixed<4, 0>>) -> (tensor<1x1xf32>, tensor<1x1xf32>) {
  %s = q.constant #q.dense<[[0.1]] : tensor<1x1xf32>>
  %0 = q.mul %q, %s : tensor<1x1x!q.fixed<4, 0>>, tensor<1x1xf32> -> tensor<1x1xf32>
  %1 = q.add %0, %x : tensor<1x1xf32>, tensor<1x1xf32> -> tensor<1x1xf32>
  %2 = q.matmul %0, %s : tensor<1x1xf32>, tensor<1x1xf32> -> tensor<1x1xf32>
  func.return %1, %2 : tensor<1x1xf32>, tensor<1x1xf32>
}
// CHECK:      [[M:%.*]] = q.mul %q, {{.*}} -> tensor<1x1x!q.real>
// CHECK-NEXT: [[F:%.*]] = q.quantize [[M]] {{.*}} -> tensor<1x1xf32>
// CHECK-NEXT: q.add [[F]], %x
// CHECK-NEXT: q.matmul [[F]], %s

// -----
// A border of whole numbers around integers is an integer.
func.func @main(%q: tensor<4x!q.fixed<4, 0>>) -> tensor<6xf32> {
  %zero = q.constant #q.dense<0.0 : tensor<f32>>
  %0 = q.quantize %q half_even saturate : tensor<4x!q.fixed<4, 0>> -> tensor<4xf32>
  %1 = q.pad %0, %zero low [1] high [1] : tensor<4xf32>, tensor<f32> -> tensor<6xf32>
  func.return %1 : tensor<6xf32>
}
// CHECK:      q.pad %q, %{{.*}} low [1] high [1] : {{.*}} -> tensor<6x!q.fixed<4, 0>>

// -----

// Division by what is no constant stays in float32; so does one by zero.
// CHECK-LABEL: func.func @division
// CHECK: %[[F:.*]] = q.quantize %{{.*}} half_even saturate : tensor<1x2x!q.fixed<8, 4>> -> tensor<1x2xf32>
// CHECK: q.div %[[F]], %[[F]] : tensor<1x2xf32>, tensor<1x2xf32> -> tensor<1x2xf32>
// CHECK: q.div %[[F]], %{{.*}} : tensor<1x2xf32>, tensor<2xf32> -> tensor<1x2xf32>
func.func @division(%x: tensor<1x2xf32>) -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %q = q.quantize %x half_even saturate : tensor<1x2xf32> -> tensor<1x2x!q.fixed<8, 4>>
  %z = q.constant #q.dense<[0.0, 1.0] : tensor<2xf32>>
  %f = q.quantize %q half_even saturate : tensor<1x2x!q.fixed<8, 4>> -> tensor<1x2xf32>
  %0 = q.div %f, %f : tensor<1x2xf32>, tensor<1x2xf32> -> tensor<1x2xf32>
  %1 = q.div %f, %z : tensor<1x2xf32>, tensor<2xf32> -> tensor<1x2xf32>
  func.return %0, %1 : tensor<1x2xf32>, tensor<1x2xf32>
}

// -----
// Weights and factors that are whole numbers make integers of integers: no float32 product is left.
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x1xf32> {
  %w = q.constant #q.dense<[[3.0], [-2.0]] : tensor<2x1xf32>>
  %k = q.constant #q.dense<7.0 : tensor<f32>>
  %f = q.quantize %x half_even saturate : tensor<1x2x!q.fixed<4, 0>> -> tensor<1x2xf32>
  %a = q.matmul %f, %w : tensor<1x2xf32>, tensor<2x1xf32> -> tensor<1x1xf32>
  %y = q.mul %a, %k : tensor<1x1xf32>, tensor<f32> -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
// CHECK:      %a = q.matmul %x, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x1x!q.fixed<3, 0>> -> tensor<1x1x!q.fixed<7, 0>>
// CHECK:      q.mul %a, %{{.*}} : tensor<1x1x!q.fixed<7, 0>>, tensor<!q.ufixed<3, 0>> -> tensor<1x1x!q.fixed<10, 0>>

// -----
// Float32 thresholds of fixed-point numbers become codes; those of real numbers real numbers.
func.func @main(%x: tensor<1x2x!q.fixed<4, 1>>) -> (tensor<1x2x!q.bipolar>, tensor<1x2x!q.bipolar>) {
  %t = q.constant #q.dense<[[0.75]] : tensor<1x1xf32>>
  %s = q.constant #q.dense<0.3 : tensor<f32>>
  %f = q.quantize %x half_even saturate : tensor<1x2x!q.fixed<4, 1>> -> tensor<1x2xf32>
  %y = q.threshold %f, %t base -1 : tensor<1x2xf32>, tensor<1x1xf32> -> tensor<1x2x!q.bipolar>
  %m = q.mul %f, %s : tensor<1x2xf32>, tensor<f32> -> tensor<1x2xf32>
  %z = q.threshold %m, %t base -1 : tensor<1x2xf32>, tensor<1x1xf32> -> tensor<1x2x!q.bipolar>
  func.return %y, %z : tensor<1x2x!q.bipolar>, tensor<1x2x!q.bipolar>
}
// CHECK:      [[C:%.*]] = q.constant #q.dense<{{\[\[}}2]] : tensor<1x1x!q.ufixed<2, 1>>>
// CHECK-NEXT: q.threshold %x, [[C]] base -1 : tensor<1x2x!q.fixed<4, 1>>
// CHECK:      q.threshold %m, %{{.*}} base -1 : tensor<1x2x!q.real>, tensor<1x1x!q.real>
