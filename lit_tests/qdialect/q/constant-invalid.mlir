// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// A type that cannot hold its constant is refused.
// CHECK: error: !q.fixed<4, 0> cannot hold the code 9
// CHECK-NEXT: at: {{.*}}constant-invalid.mlir:8:28
// CHECK: mend: its codes are -8 to 7
func.func @holds() {
  %a = q.constant #q.dense<[1, 9] : tensor<2x!q.fixed<4, 0>>>
  func.return
}

// -----

// Zero is no bipolar number.
// CHECK: error: !q.bipolar cannot hold the code 0
// CHECK: mend: its codes are -1 and 1
func.func @bipolar() {
  %a = q.constant #q.dense<[1, 0] : tensor<2x!q.bipolar>>
  func.return
}

// -----

// The numbers have the shape of the type.
// CHECK: error: not a constant of tensor<2x!q.fixed<4, 0>>: the numbers have shape [3]
func.func @shape() {
  %a = q.constant #q.dense<[1, 2, 3] : tensor<2x!q.fixed<4, 0>>>
  func.return
}

// -----

// Codes are whole numbers.
// CHECK: error: not a constant of tensor<2x!q.fixed<4, 0>>: codes are whole numbers
func.func @whole() {
  %a = q.constant #q.dense<[1.5, 2.0] : tensor<2x!q.fixed<4, 0>>>
  func.return
}

// -----

// Packed codes have the length that the type asks for.
// CHECK: error: not a constant of tensor<100x!q.fixed<4, 0>>: 3 bytes of packed codes where 50 are due
func.func @packed() {
  %a = q.constant #q.dense<"AAAA" : tensor<100x!q.fixed<4, 0>>>
  func.return
}

// -----

// A fraction does not divide by zero.
// CHECK: error: not a constant of tensor<1x!q.real>: 1/0 divides by zero
func.func @fraction() {
  %a = q.constant #q.dense<["1/0"] : tensor<1x!q.real>>
  func.return
}

// -----

// Rows have equal lengths.
// CHECK: error: not a constant of tensor<2x2x!q.fixed<4, 0>>
func.func @ragged() {
  %a = q.constant #q.dense<[[1, 2], [3]] : tensor<2x2x!q.fixed<4, 0>>>
  func.return
}
