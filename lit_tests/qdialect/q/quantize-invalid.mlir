// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// The shape stays.
// CHECK: error: q.quantize keeps shape [4], not [5]
func.func @shape(%f: tensor<4xf32>) {
  %0 = q.quantize %f half_even saturate : tensor<4xf32> -> tensor<5x!q.fixed<2, 0>>
  func.return
}

// -----

// A real number needs no rounding.
// CHECK: error: q.quantize cannot target !q.real, which needs no rounding
// CHECK: mend: use the value as it is
func.func @real(%f: tensor<4xf32>) {
  %0 = q.quantize %f half_even saturate : tensor<4xf32> -> tensor<4x!q.real>
  func.return
}

// -----

// f32 to f32 is nothing.
// CHECK: error: q.quantize from f32 to f32 does nothing
// CHECK: mend: remove it
func.func @nothing(%f: tensor<4xf32>) {
  %0 = q.quantize %f half_even saturate : tensor<4xf32> -> tensor<4xf32>
  func.return
}

// -----

// Bipolar numbers have no code to leave out.
// CHECK: error: q.quantize cannot be narrow for !q.bipolar
func.func @narrow(%f: tensor<4xf32>) {
  %0 = q.quantize %f half_even saturate narrow : tensor<4xf32> -> tensor<4x!q.bipolar>
  func.return
}

// -----

// Roundings have names.
// CHECK: error: {{.*}}
// CHECK-NEXT: at: {{.*}}quantize-invalid.mlir:45:
func.func @rounding(%f: tensor<4xf32>) {
  %0 = q.quantize %f nearest saturate : tensor<4xf32> -> tensor<4x!q.fixed<2, 0>>
  func.return
}

// -----

// Integers have no infinity.
// CHECK: error: q.quantize to !q.fixed<2, 0> cannot 'infinity'
// CHECK: mend: write 'saturate'
func.func @infinity(%f: tensor<4xf32>) {
  %0 = q.quantize %f half_even infinity : tensor<4xf32> -> tensor<4x!q.fixed<2, 0>>
  func.return
}

// -----

// Floats do not wrap.
// CHECK: error: q.quantize to !q.float<4, 3> cannot 'wrap'
func.func @wrap(%f: tensor<4xf32>) {
  %0 = q.quantize %f half_even wrap : tensor<4xf32> -> tensor<4x!q.float<4, 3>>
  func.return
}
