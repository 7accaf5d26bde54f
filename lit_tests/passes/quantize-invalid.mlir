// RUN: qopt %s -p 'q-quantize' --verify-diagnostics | filecheck %s --check-prefix=NOTHING
// RUN: qopt %s -p 'q-quantize{weight="fixd<8>"}' --verify-diagnostics | filecheck %s --check-prefix=FORMAT
// RUN: qopt %s -p 'q-quantize{activation="fixed<8>"}' --verify-diagnostics | filecheck %s --check-prefix=DATA
// RUN: qopt %s -p 'q-quantize{activation="fixed<8>" data="absent.npz"}' --verify-diagnostics | filecheck %s --check-prefix=FILE
// RUN: qopt %s -p 'q-quantize{activation="fixed<8>" data="%examples/float_digits/digits.npz"}' --verify-diagnostics | filecheck %s --check-prefix=SEVERAL
// RUN: qopt %s -p 'q-quantize{activation="fixed<8>" data="%examples/float_digits/digits.npz" frames=x_tain}' --verify-diagnostics | filecheck %s --check-prefix=ARRAY
// RUN: qopt %s -p 'q-quantize{activation="fixed<8>" data="%examples/float_digits/digits.npz" frames=x_train}' --verify-diagnostics | filecheck %s --check-prefix=SHAPE
// RUN: qopt %s -p 'q-quantize{specification="a.spec" weight="fixed<8>"}' --verify-diagnostics | filecheck %s --check-prefix=BOTH
// RUN: qopt %s -p 'q-quantize{weight="fixed<8>" rounding=up}' --verify-diagnostics | filecheck %s --check-prefix=ROUNDING
// RUN: qopt %s -p 'q-quantize{weight="fixed<8>" rounding=reconstruct}' --verify-diagnostics | filecheck %s --check-prefix=FRAMES
// RUN: qopt %s -p 'q-quantize{weight="e4m3" hardware=true}' --verify-diagnostics | filecheck %s --check-prefix=HARDWARE

// NOTHING:      error: the pass 'q-quantize' is given no format
// FORMAT:       error: unknown format 'fixd'
// FORMAT-NEXT:      weight = fixd<8>
// FORMAT-NEXT:               ^~~~
// FORMAT-NEXT:  at: the option 'weight':1:10
// FORMAT-NEXT:  mend: did you mean
// DATA:         error: the range of the activation of 'x' is not known without data
// DATA-NEXT:    mend: name frames
// FILE:         error: cannot read 'absent.npz'
// SEVERAL:      error: '{{.*}}digits.npz' holds several arrays
// SEVERAL-NEXT: mend: name one; known: {{.*}}x_train
// ARRAY:        error: '{{.*}}digits.npz' holds no array 'x_tain'
// ARRAY-NEXT:   mend: did you mean 'x_train'?
// SHAPE:        error: the array 'x_train' has the shape [1437, 64], one frame has [1, 2]
// BOTH:         error: the pass 'q-quantize' has 'specification' and 'weight'
// ROUNDING:     error: unknown rounding 'up'
// ROUNDING:     mend: known: nearest, reconstruct
// FRAMES:       error: 'rounding = reconstruct' needs frames to run
// HARDWARE:     error: the weight of 'fc' is e4m3, and hardware has no floats
// HARDWARE-NEXT: at: node 'fc'
// HARDWARE-NEXT: mend: write fixed<8>
func.func @main(%x: tensor<1x2xf32> {q.name = "x"}) -> tensor<1x2xf32> {
  %w = q.constant #q.dense<[[0.5, 0.25], [-0.25, 1.0]] : tensor<2x2xf32>>
  %0 = q.matmul %x, %w : tensor<1x2xf32>, tensor<2x2xf32> -> tensor<1x2xf32> loc("fc")
  func.return %0 : tensor<1x2xf32>
}
