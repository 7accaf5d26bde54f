// RUN: qopt %s -p q-remove-idle-quantizers --split-input-file | filecheck %s
// RUN: qopt %s -p q-infer-ranges,q-remove-idle-quantizers,q-infer-ranges --split-input-file | filecheck %s --check-prefix=WIDE

// A cast to a wider word, and one that wraps what fits, do nothing; what moves elements follows in its type.
func.func @main(%x: tensor<1x2x!q.fixed<8, 0>>) -> tensor<2x!q.fixed<11, 0>> {
  %c = q.constant #q.dense<5 : tensor<!q.ufixed<3, 0>>>
  %a = q.quantize %x down saturate : tensor<1x2x!q.fixed<8, 0>> -> tensor<1x2x!q.fixed<64, 0>>
  %b = q.quantize %a down wrap : tensor<1x2x!q.fixed<64, 0>> -> tensor<1x2x!q.fixed<64, 0>>
  %r = q.reshape %b : tensor<1x2x!q.fixed<64, 0>> -> tensor<2x!q.fixed<64, 0>>
  %y = q.mul %r, %c range <-640, 635> : tensor<2x!q.fixed<64, 0>>, tensor<!q.ufixed<3, 0>> -> tensor<2x!q.fixed<11, 0>>
  func.return %y : tensor<2x!q.fixed<11, 0>>
}
// CHECK-NOT:  q.quantize
// CHECK:      %r = q.reshape %x : tensor<1x2x!q.fixed<8, 0>> -> tensor<2x!q.fixed<8, 0>>
// CHECK-NEXT: q.mul %r, %c range <-640, 635> : tensor<2x!q.fixed<8, 0>>

// -----
// The product of a wide word is narrow once its range is known, and then it cannot wrap.
func.func @main(%x: tensor<1x2x!q.fixed<8, 0>>) -> tensor<1x2x!q.real> {
  %c = q.constant #q.dense<5 : tensor<!q.ufixed<3, 0>>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %a = q.quantize %x down saturate : tensor<1x2x!q.fixed<8, 0>> -> tensor<1x2x!q.fixed<64, 0>>
  %m = q.mul %a, %c : tensor<1x2x!q.fixed<64, 0>>, tensor<!q.ufixed<3, 0>> -> tensor<1x2x!q.fixed<67, 0>>
  %w = q.quantize %m down wrap : tensor<1x2x!q.fixed<67, 0>> -> tensor<1x2x!q.fixed<64, 0>>
  %y = q.mul %w, %s : tensor<1x2x!q.fixed<64, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  func.return %y : tensor<1x2x!q.real>
}
// CHECK:      q.quantize %m down wrap
// WIDE:       %m = q.mul %x, %c : tensor<1x2x!q.fixed<8, 0>>, tensor<!q.ufixed<3, 0>> -> tensor<1x2x!q.fixed<11, 0>>
// WIDE-NEXT:  q.mul %m, %s

// -----
// These change numbers: fewer codes, another quantum, a narrow range; and the type of a result stays as it is.
func.func @main(%x: tensor<1x2x!q.fixed<8, 0>>)
    -> (tensor<1x2x!q.fixed<7, 0>>, tensor<1x2x!q.fixed<9, 1>>, tensor<1x2x!q.fixed<8, 0>>, tensor<1x2x!q.fixed<9, 0>>) {
  %a = q.quantize %x floor saturate : tensor<1x2x!q.fixed<8, 0>> -> tensor<1x2x!q.fixed<7, 0>>
  %b = q.quantize %x floor saturate : tensor<1x2x!q.fixed<8, 0>> -> tensor<1x2x!q.fixed<9, 1>>
  %c = q.quantize %x floor saturate narrow : tensor<1x2x!q.fixed<8, 0>> -> tensor<1x2x!q.fixed<8, 0>>
  %d = q.quantize %x floor saturate : tensor<1x2x!q.fixed<8, 0>> -> tensor<1x2x!q.fixed<9, 0>>
  func.return %a, %b, %c, %d : tensor<1x2x!q.fixed<7, 0>>, tensor<1x2x!q.fixed<9, 1>>, tensor<1x2x!q.fixed<8, 0>>, tensor<1x2x!q.fixed<9, 0>>
}
// CHECK:      q.quantize %x floor saturate : {{.*}} -> tensor<1x2x!q.fixed<7, 0>>
// CHECK-NEXT: q.quantize %x floor saturate : {{.*}} -> tensor<1x2x!q.fixed<9, 1>>
// CHECK-NEXT: q.quantize %x floor saturate narrow
// CHECK-NEXT: q.quantize %x floor saturate : {{.*}} -> tensor<1x2x!q.fixed<9, 0>>

// -----
// A quantiser to the type that is there already goes, also where a function returns it. Two uses.
func.func @main(%x: tensor<1x2x!q.ufixed<1, 0>>) -> (tensor<1x2x!q.ufixed<1, 0>>, tensor<1x2x!q.ufixed<1, 0>>) {
  %a = q.quantize %x half_even saturate : tensor<1x2x!q.ufixed<1, 0>> -> tensor<1x2x!q.ufixed<1, 0>>
  func.return %a, %a : tensor<1x2x!q.ufixed<1, 0>>, tensor<1x2x!q.ufixed<1, 0>>
}
// CHECK:      func.return %x, %x
