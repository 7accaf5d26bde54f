// RUN: qopt %s -p q-annotate-ranges --split-input-file | filecheck %s
// RUN: qopt %s -p q-annotate-ranges --split-input-file | qopt - -p q-check-ranges --split-input-file | filecheck %s
// RUN: qopt %s -p 'q-annotate-ranges{per-channel=true}' --split-input-file | filecheck %s --check-prefix CHANNELS
// RUN: qopt %s -p 'q-annotate-ranges,q-annotate-ranges{remove=true}' --split-input-file | filecheck %s --check-prefix REMOVED

// Every integer result is annotated, whatever its type holds; a sum with what it comes from is narrower than both.
func.func @main(%x: tensor<1x2x!q.ufixed<2, 0>>) -> tensor<1x2x!q.fixed<8, 0>> {
  %w = q.constant #q.dense<[[1, 0], [0, -1]] : tensor<2x2x!q.fixed<2, 0>>>
  %a = q.matmul %x, %w : tensor<1x2x!q.ufixed<2, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<8, 0>>
  %b = q.sub %a, %x range <-6, 0> : tensor<1x2x!q.fixed<8, 0>>, tensor<1x2x!q.ufixed<2, 0>> -> tensor<1x2x!q.fixed<8, 0>>
  func.return %b : tensor<1x2x!q.fixed<8, 0>>
}
// CHECK:      %w = q.constant #q.dense<[[1, 0], [0, -1]] : tensor<2x2x!q.fixed<2, 0>>>
// CHECK-NEXT: %a = q.matmul %x, %w {q.range = #q.range<-3, 3>} : tensor<1x2x!q.ufixed<2, 0>>
// CHECK-NEXT: %b = q.sub %a, %x range <-6, 0> {q.range = #q.range<-6, 0>} :
// CHANNELS:      %a = q.matmul %x, %w {q.range = #q.range<-3, 3>, q.channel_ranges = [#q.range<0, 3>, #q.range<-3, 0>]}
// CHANNELS-NEXT: %b = q.sub %a, %x range <-6, 0> {q.range = #q.range<-6, 0>, q.channel_ranges = [#q.range<0, 0>, #q.range<-6, 0>]}
// REMOVED:      %a = q.matmul %x, %w : tensor
// REMOVED-NEXT: %b = q.sub %a, %x range <-6, 0> : tensor

// -----
// Real numbers have no codes.
func.func @main(%x: tensor<2x!q.ufixed<2, 0>>) -> tensor<2x!q.real> {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %y = q.mul %x, %s : tensor<2x!q.ufixed<2, 0>>, tensor<!q.real> -> tensor<2x!q.real>
  func.return %y : tensor<2x!q.real>
}
// CHECK: %y = q.mul %x, %s : tensor<2x!q.ufixed<2, 0>>, tensor<!q.real>

// -----
// An old annotation is replaced; ops with several results have none.
func.func @main(%x: tensor<1x4x!q.ufixed<2, 0>>) -> (tensor<1x2x!q.ufixed<2, 0>>, tensor<1x2x!q.ufixed<2, 0>>) {
  %r = q.relu %x {q.range = #q.range<0, 99>} : tensor<1x4x!q.ufixed<2, 0>> -> tensor<1x4x!q.ufixed<2, 0>>
  %v, %i = q.top_k %r k 2 axis 1 : tensor<1x4x!q.ufixed<2, 0>> -> tensor<1x2x!q.ufixed<2, 0>>, tensor<1x2x!q.ufixed<2, 0>>
  func.return %v, %i : tensor<1x2x!q.ufixed<2, 0>>, tensor<1x2x!q.ufixed<2, 0>>
}
// CHECK:      %r = q.relu %x {q.range = #q.range<0, 3>}
// CHECK-NEXT: %v, %i = q.top_k %r k 2 axis 1
