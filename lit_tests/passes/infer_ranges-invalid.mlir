// RUN: qopt %s -p q-infer-ranges --split-input-file --verify-diagnostics | filecheck %s

// A returned value must fit the type that the function states.
// CHECK: error: q.mul can give codes from -24 to 21, but the function returns !q.fixed<2, 0>
// CHECK-NEXT: at: {{.*}}infer_ranges-invalid.mlir:9:3
// CHECK-NEXT: mend: return !q.fixed<6, 0>
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x2x!q.fixed<2, 0>> {
  %c = q.constant #q.dense<3 : tensor<!q.fixed<3, 0>>>
  %a = q.mul %x, %c range <-2, 1> : tensor<1x2x!q.fixed<4, 0>>, tensor<!q.fixed<3, 0>> -> tensor<1x2x!q.fixed<2, 0>>
  func.return %a : tensor<1x2x!q.fixed<2, 0>>
}
