// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// A word has at least one bit.
// CHECK: error: !q.fixed needs a word length from 1 to 4096 bits, got 0
// CHECK-NEXT: at: {{.*}}types-invalid.mlir:8:43
// CHECK-NEXT: func.func private @zero(tensor<2x!q.fixed<0, 4>>) -> ()
// CHECK-NEXT: ^
func.func private @zero(tensor<2x!q.fixed<0, 4>>) -> ()

// -----

// A word length is positive.
// CHECK: error: !q.ufixed needs a word length from 1 to 4096 bits, got -3
func.func private @negative(tensor<2x!q.ufixed<-3, 4>>) -> ()

// -----

// A float has an exponent.
// CHECK: error: !q.float needs 1 to 15 exponent bits, got 0
func.func private @exponent(tensor<2x!q.float<0, 4>>) -> ()

// -----

// Fraction bits of a float have a limit.
// CHECK: error: !q.float needs 0 to 112 fraction bits, got 200
func.func private @fraction(tensor<2x!q.float<4, 200>>) -> ()

// -----

// The kinds of special values are three.
// CHECK: error: !q.float knows the specials 'none', 'ieee' and 'fn', not 'all'
func.func private @specials(tensor<2x!q.float<4, 3, specials = all>>) -> ()

// -----

// Options of a float are named.
// CHECK: error: !q.float knows 'bias', 'specials' and 'flush', not 'width'
func.func private @option(tensor<2x!q.float<4, 3, width = 8>>) -> ()

// -----

// A codebook has values.
// CHECK: error: !q.shared needs a codebook of 1 to 65536 values, got 0
func.func private @empty(tensor<2x!q.shared<0, !q.fixed<8, 4>>>) -> ()

// -----

// So many fraction bits are a typing mistake.
// CHECK: error: !q.fixed needs -65536 to 65536 fraction bits, got 1000000000000
func.func private @fraction(tensor<2x!q.fixed<4, 1000000000000>>) -> ()

// -----

// Values that are shared have codes.
// CHECK: error: !q.shared holds values of !q.fixed, !q.ufixed or !q.bipolar, not of f32
func.func private @floats(tensor<2x!q.shared<4, f32>>) -> ()
