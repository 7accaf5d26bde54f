// RUN: qopt %s -p q-check-ranges --split-input-file --verify-diagnostics | filecheck %s

// A stated range that one input can leave is refused.
// CHECK: error: q.matmul states codes from -2 to 1, but they can be from -2 to 2
// CHECK-NEXT: at: node 'MatMul_0', {{.*}}check_ranges-invalid.mlir:9:3
// CHECK-NEXT: mend: write range <-2, 2>, or run q-infer-ranges
func.func @main(%x: tensor<1x2x!q.fixed<2, 0>>) -> tensor<1x2x!q.fixed<3, 0>> {
  %w = q.constant #q.dense<[[1, 0], [0, -1]] : tensor<2x2x!q.fixed<2, 0>>>
  %a = q.matmul %x, %w range <-2, 1> : tensor<1x2x!q.fixed<2, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<3, 0>> loc("MatMul_0")
  func.return %a : tensor<1x2x!q.fixed<3, 0>>
}

// -----

// Real numbers have no codes.
// CHECK: error: q.add states a range, but gives !q.real
// CHECK-NEXT: at: {{.*}}check_ranges-invalid.mlir:20:3
// CHECK-NEXT: mend: remove the range
func.func @main(%x: tensor<1x!q.real>) -> tensor<1x!q.real> {
  %y = q.add %x, %x range <0, 1> : tensor<1x!q.real>, tensor<1x!q.real> -> tensor<1x!q.real>
  func.return %y : tensor<1x!q.real>
}

// -----

// An annotation that is no longer true is refused.
// CHECK: error: q.relu states codes from 0 to 5, but they can be from 0 to 7
// CHECK-NEXT: at: {{.*}}check_ranges-invalid.mlir:31:3
// CHECK-NEXT: mend: write range <0, 7>, or run q-annotate-ranges
func.func @main(%x: tensor<1x!q.fixed<4, 0>>) -> tensor<1x!q.ufixed<3, 0>> {
  %y = q.relu %x {q.range = #q.range<0, 5>} : tensor<1x!q.fixed<4, 0>> -> tensor<1x!q.ufixed<3, 0>>
  func.return %y : tensor<1x!q.ufixed<3, 0>>
}
