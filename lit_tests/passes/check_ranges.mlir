// RUN: qopt %s -p q-check-ranges --split-input-file | filecheck %s

// Ranges that follow from the weights, tight or wide, are left as they are.
func.func @main(%x: tensor<1x2x!q.fixed<2, 0>>) -> (tensor<1x2x!q.fixed<3, 0>>, tensor<1x2x!q.fixed<9, 0>>) {
  %w = q.constant #q.dense<[[1, 0], [0, -1]] : tensor<2x2x!q.fixed<2, 0>>>
  %a = q.matmul %x, %w range <-2, 2> : tensor<1x2x!q.fixed<2, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<3, 0>>
  %b = q.matmul %x, %w range <-99, 9> : tensor<1x2x!q.fixed<2, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<9, 0>>
  func.return %a, %b : tensor<1x2x!q.fixed<3, 0>>, tensor<1x2x!q.fixed<9, 0>>
}
// CHECK:      %a = q.matmul %x, %w range <-2, 2>
// CHECK-NEXT: %b = q.matmul %x, %w range <-99, 9>

// -----
// The caller of a private function can be the proof.
func.func @main(%x: tensor<1x!q.fixed<8, 0>>) -> tensor<1x!q.fixed<4, 0>> {
  %q = q.quantize %x floor saturate narrow : tensor<1x!q.fixed<8, 0>> -> tensor<1x!q.fixed<4, 0>>
  %y = func.call @negate(%q) : (tensor<1x!q.fixed<4, 0>>) -> tensor<1x!q.fixed<4, 0>>
  func.return %y : tensor<1x!q.fixed<4, 0>>
}
func.func private @negate(%x: tensor<1x!q.fixed<4, 0>>) -> tensor<1x!q.fixed<4, 0>> {
  %c = q.constant #q.dense<-1 : tensor<!q.bipolar>>
  %y = q.mul %x, %c range <-7, 7> : tensor<1x!q.fixed<4, 0>>, tensor<!q.bipolar> -> tensor<1x!q.fixed<4, 0>>
  func.return %y : tensor<1x!q.fixed<4, 0>>
}
// CHECK: q.mul %x, %c range <-7, 7>

// -----
// Ops without a stated range are no concern of this pass.
func.func @main(%x: tensor<1x!q.fixed<8, 0>>) -> tensor<1x!q.fixed<9, 0>> {
  %y = q.add %x, %x : tensor<1x!q.fixed<8, 0>>, tensor<1x!q.fixed<8, 0>> -> tensor<1x!q.fixed<9, 0>>
  func.return %y : tensor<1x!q.fixed<9, 0>>
}
// CHECK: q.add %x, %x : {{.*}} -> tensor<1x!q.fixed<9, 0>>
