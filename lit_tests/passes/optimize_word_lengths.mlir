// RUN: qopt %s -p 'q-optimize-word-lengths{data="%examples/digits/test_images.npy" bound="sqnr 15 dB"}' | filecheck %s --check-prefix=SMALL
// RUN: qopt %examples/digits/digits.onnx -v -p 'q-optimize-word-lengths{data="%examples/digits/test_images.npy" bound="agreement 95 %"}' 2>&1 | filecheck %s
// RUN: qopt %examples/digits/digits.onnx -p 'q-optimize-word-lengths{data="%examples/digits/test_images.npy" bound="sqnr 12 dB" algorithm=min_plus_one objective=weight_memory},q-to-typed' | filecheck %s --check-prefix=TYPED
// RUN: qopt %s -p 'q-optimize-word-lengths{data="%examples/digits/test_images.npy" bound="sqnr 15 dB" rounding=reconstruct}' | filecheck %s --check-prefix=RECONSTRUCT

// CHECK: remark: q-optimize-word-lengths: cost {{[0-9]+}} -> {{[0-9]+}}, margin {{[0-9.]+}} over the bound agreement 95 %, {{[0-9]+}} choices tried
// CHECK-NEXT: x activation: 5 -> {{[2-4]}} bits
// CHECK-NEXT: fc1_weight_quant weight: 4 -> {{[2-4]}} bits
// CHECK: %pixel_quant = q.quantize %x half_even saturate : tensor<1x64xf32> -> tensor<1x64x!q.ufixed<{{[2-4]}}, -{{[1-3]}}>>
// CHECK: q.matmul %pixel_quant, %fc1_weight_quant_2 : tensor<1x64x!q.ufixed<{{[2-4]}}, -{{[1-3]}}>>, tensor<64x32xf32> -> tensor<1x32xf32>

// TYPED: func.func @main
// TYPED-NOT: xf32>, tensor

// Half of the sum of the pixels: their codes get shorter, and so do the weights.
// SMALL: %a = q.quantize %x half_even saturate : tensor<1x64xf32> -> tensor<1x64x!q.ufixed<{{[2-4]}}, -{{[1-3]}}>>
// SMALL: %v = q.quantize %w half_even saturate : tensor<64x1xf32> -> tensor<64x1x!q.fixed<2, {{[01]}}>>
// Weights that are reconstructed stand in the IR on the grid of their quantiser.
// RECONSTRUCT: %w = q.constant #q.dense<[[0.5], [0.5], {{.*}} : tensor<64x1xf32>>
// RECONSTRUCT: %v = q.quantize %w half_even saturate : tensor<64x1xf32> -> tensor<64x1x!q.fixed<2, {{[01]}}>>
func.func @main(%x: tensor<1x64xf32>) -> tensor<1x1xf32> {
  %a = q.quantize %x half_even saturate : tensor<1x64xf32> -> tensor<1x64x!q.ufixed<5, 0>>
  %w = q.constant #q.dense<0.5 : tensor<64x1xf32>>
  %v = q.quantize %w half_even saturate : tensor<64x1xf32> -> tensor<64x1x!q.fixed<4, 2>>
  %s = q.matmul %a, %v : tensor<1x64x!q.ufixed<5, 0>>, tensor<64x1x!q.fixed<4, 2>> -> tensor<1x1x!q.fixed<15, 2>>
  %y = q.quantize %s half_even saturate : tensor<1x1x!q.fixed<15, 2>> -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
