// RUN: qopt %s -p 'q-optimize-word-lengths' --verify-diagnostics | filecheck %s --check-prefix=DATA
// RUN: qopt %s -p 'q-optimize-word-lengths{data="%examples/digits/test_images.npy" algorithm=best}' --verify-diagnostics | filecheck %s --check-prefix=ALGORITHM
// RUN: qopt %s -p 'q-optimize-word-lengths{data="%examples/digits/test_images.npy" bound="accuracy drop 1 %"}' --verify-diagnostics | filecheck %s --check-prefix=LABELS
// RUN: qopt %s -p 'q-optimize-word-lengths{data="%examples/digits/test_images.npy" min-bits=0}' --verify-diagnostics | filecheck %s --check-prefix=BITS
// RUN: qopt %s -p 'q-optimize-word-lengths{data="%examples/digits/test_images.npy" min-bits=8}' --verify-diagnostics | filecheck %s --check-prefix=NONE
// RUN: qopt %s -p 'q-optimize-word-lengths{data="%examples/digits/test_images.npy" scale=0}' --verify-diagnostics | filecheck %s --check-prefix=SCALE
// RUN: qopt %s -p 'q-optimize-word-lengths{specification="%examples/float_digits/word_lengths.spec" samples=10}' --verify-diagnostics | filecheck %s --check-prefix=BESIDE
// RUN: qopt %s -p 'q-optimize-word-lengths{data="%examples/digits/test_images.npy" reference="%examples/float_digits/digits.onnx"}' --verify-diagnostics | filecheck %s --check-prefix=REFERENCE
// RUN: qopt %s -p 'q-optimize-word-lengths{data="%examples/digits/test_images.npy" rounding=up}' --verify-diagnostics | filecheck %s --check-prefix=ROUNDING

// BESIDE: error: the pass 'q-optimize-word-lengths' has 'specification' and 'samples'
// REFERENCE: error: the reference has outputs of the shape [1, 10], the network of [1, 64]
// DATA: error: the pass 'q-optimize-word-lengths' is given no data
// ALGORITHM: error: there is no algorithm 'best'
// LABELS: error: the bound is on the accuracy, and the data have no labels
// BITS: error: the option 'min-bits' is 0
// NONE: error: no quantiser may have fewer bits than it has (at least 8)
// ROUNDING: error: unknown rounding 'up'
// SCALE: error: the option 'scale' is zero
func.func @main(%x: tensor<1x64xf32>) -> tensor<1x64x!q.ufixed<4, 0>> {
  %0 = q.quantize %x half_even saturate : tensor<1x64xf32> -> tensor<1x64x!q.ufixed<4, 0>>
  func.return %0 : tensor<1x64x!q.ufixed<4, 0>>
}
