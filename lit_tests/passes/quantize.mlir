// RUN: qopt %s --split-input-file -p 'q-quantize{weight="fixed<4, 2>" activation="fixed<8, 4>"}' | filecheck %s
// RUN: qopt %examples/float_digits/digits.onnx -v -p 'q-quantize{specification="%examples/float_digits/eight_bits.spec"}' 2>&1 | filecheck %s --check-prefix=DIGITS
// RUN: qopt %examples/float_digits/digits.onnx -p 'q-quantize{weight="fixed<8> per channel" activation="fixed<8>" data="%examples/float_digits/digits.npz" frames=x_train samples=64},q-to-typed' | filecheck %s --check-prefix=TYPED

// DIGITS: remark: q-quantize:
// DIGITS-NEXT: layer {{ *}}kind {{ *}}weight
// DIGITS-NEXT: fc1 {{ *}}matmul {{ *}}fixed<8> per channel {{ *}}ufixed<8> * {{[0-9.]+ +}}fixed<32> per channel
// DIGITS: calibrated on 1437 frames, scored on 360
// DIGITS: first choice as in float32: {{9[89]|100}}.{{[0-9]+}} %
// DIGITS: accuracy: {{9[0-9.]+}} %, in float32 {{9[0-9.]+}} %

// TYPED: func.func private @hardware
// TYPED-NOT: f32
// TYPED: func.return

// Inputs of a layer with weights and the weights become codes; a power of two as the scale goes into the type.
func.func @main(%x: tensor<1x2xf32> {q.name = "x"}) -> tensor<1x2xf32> {
  %w = q.constant #q.dense<[[0.5, 0.25], [-0.25, 1.0]] : tensor<2x2xf32>>
  %b = q.constant #q.dense<[0.5, -0.5] : tensor<2xf32>>
  %0 = q.matmul %x, %w : tensor<1x2xf32>, tensor<2x2xf32> -> tensor<1x2xf32> loc("fc")
  %1 = q.add %0, %b : tensor<1x2xf32>, tensor<2xf32> -> tensor<1x2xf32> loc("fc")
  func.return %1 : tensor<1x2xf32>
}
// CHECK-LABEL: func.func @main(%x: tensor<1x2xf32>
// CHECK-NEXT: %x_quantized = q.quantize %x half_even saturate : tensor<1x2xf32> -> tensor<1x2x!q.fixed<8, 4>>
// CHECK: %w_1 = q.quantize %w half_even saturate : tensor<2x2xf32> -> tensor<2x2x!q.fixed<4, 2>>
// CHECK-NEXT: q.matmul %x_quantized, %w_1 : tensor<1x2x!q.fixed<8, 4>>, tensor<2x2x!q.fixed<4, 2>> -> tensor<1x2x!q.fixed<[[W:[0-9]+]], 6>>
// CHECK: q.quantize %b half_even saturate : tensor<2xf32> -> tensor<2x!q.fixed<32, 6>>
// CHECK: q.quantize %{{[0-9a-z_]+}} half_even saturate : tensor<1x2x!q.fixed<{{[0-9]+}}, 6>> -> tensor<1x2xf32>
// CHECK-NEXT: func.return

// -----
// One quantiser stands in front of a max pool, whatever uses it, and none behind.
func.func @main(%x: tensor<1x1x4x4xf32> {q.name = "x"}) -> tensor<1x1x2x2xf32> {
  %w = q.constant #q.dense<[[[[1.0]]]] : tensor<1x1x1x1xf32>>
  %0 = q.relu %x : tensor<1x1x4x4xf32> -> tensor<1x1x4x4xf32> loc("relu")
  %1 = q.max_pool %0 kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] : tensor<1x1x4x4xf32> -> tensor<1x1x2x2xf32>
  %2 = q.conv %1, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32> -> tensor<1x1x2x2xf32> loc("conv")
  func.return %2 : tensor<1x1x2x2xf32>
}
// CHECK-LABEL: func.func @main
// CHECK: %0 = q.relu %x
// CHECK-NEXT: q.quantize %0 half_even saturate : tensor<1x1x4x4xf32> -> tensor<1x1x4x4x!q.fixed<8, 4>>
// CHECK-NEXT: q.max_pool
// CHECK-NEXT: q.quantize %w
// CHECK-NEXT: q.conv

// -----
// Quantised networks stay as they are.
func.func @main(%x: tensor<1x2x!q.fixed<8, 0>> {q.name = "x"}) -> tensor<1x2x!q.fixed<9, 0>> {
  %w = q.constant #q.dense<[[1, 1], [1, 1]] : tensor<2x2x!q.fixed<2, 0>>>
  %0 = q.matmul %x, %w : tensor<1x2x!q.fixed<8, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<9, 0>>
  func.return %0 : tensor<1x2x!q.fixed<9, 0>>
}
// CHECK-LABEL: func.func @main
// CHECK-NEXT: q.constant
// CHECK-NEXT: q.matmul
// CHECK-NEXT: func.return
