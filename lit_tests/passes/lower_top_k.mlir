// RUN: qopt %s -p q-lower-top-k --split-input-file | filecheck %s

// The index of the largest element is the arg-max; the axis stays, with size 1.
func.func @main(%x: tensor<1x10x!q.fixed<8, 0>>) -> tensor<1x1x!q.ufixed<4, 0>> {
  %v, %i = q.top_k %x k 1 axis 1 : tensor<1x10x!q.fixed<8, 0>> -> tensor<1x1x!q.fixed<8, 0>>, tensor<1x1x!q.ufixed<4, 0>> loc("TopK_0")
  func.return %i : tensor<1x1x!q.ufixed<4, 0>>
}
// CHECK:      %i = q.arg_max %x axis 1 keep_dims : tensor<1x10x!q.fixed<8, 0>> -> tensor<1x1x!q.ufixed<4, 0>> loc("TopK_0")
// CHECK-NEXT: func.return %i

// -----
// Two uses of the index both get it.
// CHECK-LABEL: @two_uses
func.func @two_uses(%x: tensor<1x2x!q.fixed<1, 0>>) -> (tensor<1x1x!q.ufixed<1, 0>>, tensor<1x1x!q.ufixed<1, 0>>) {
  %v, %i = q.top_k %x k 1 axis 1 : tensor<1x2x!q.fixed<1, 0>> -> tensor<1x1x!q.fixed<1, 0>>, tensor<1x1x!q.ufixed<1, 0>>
  func.return %i, %i : tensor<1x1x!q.ufixed<1, 0>>, tensor<1x1x!q.ufixed<1, 0>>
}
// CHECK: [[I:%.*]] = q.arg_max
// CHECK-NEXT: func.return [[I]], [[I]]

// -----
// The value itself is asked for.
// CHECK-LABEL: @value
func.func @value(%x: tensor<1x10x!q.fixed<8, 0>>) -> tensor<1x1x!q.fixed<8, 0>> {
  %v, %i = q.top_k %x k 1 axis 1 : tensor<1x10x!q.fixed<8, 0>> -> tensor<1x1x!q.fixed<8, 0>>, tensor<1x1x!q.ufixed<4, 0>>
  func.return %v : tensor<1x1x!q.fixed<8, 0>>
}
// CHECK: q.top_k

// -----
// Several indices are asked for.
// CHECK-LABEL: @several
func.func @several(%x: tensor<1x10x!q.fixed<8, 0>>) -> tensor<1x3x!q.ufixed<4, 0>> {
  %v, %i = q.top_k %x k 3 axis 1 : tensor<1x10x!q.fixed<8, 0>> -> tensor<1x3x!q.fixed<8, 0>>, tensor<1x3x!q.ufixed<4, 0>>
  func.return %i : tensor<1x3x!q.ufixed<4, 0>>
}
// CHECK: q.top_k

// -----
// The smallest is asked for.
// CHECK-LABEL: @smallest
func.func @smallest(%x: tensor<1x10x!q.fixed<8, 0>>) -> tensor<1x1x!q.ufixed<4, 0>> {
  %v, %i = q.top_k %x k 1 axis 1 smallest : tensor<1x10x!q.fixed<8, 0>> -> tensor<1x1x!q.fixed<8, 0>>, tensor<1x1x!q.ufixed<4, 0>>
  func.return %i : tensor<1x1x!q.ufixed<4, 0>>
}
// CHECK: q.top_k
