// RUN: qopt %s -p q-move-views --split-input-file | filecheck %s

// A reshape goes behind scale, activation and quantiser.
func.func @main(%a: tensor<1x2x3x!q.fixed<6, 0>>, %b: tensor<2x3x!q.fixed<6, 0>>, %f: tensor<2x3xf32>) -> (tensor<1x6x!q.fixed<4, 0>>, tensor<1x6x!q.real>, tensor<1x6x!q.fixed<4, 0>>) {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x3x!q.fixed<6, 0>>, tensor<!q.real> -> tensor<1x2x3x!q.real>
  %1 = q.reshape %0 : tensor<1x2x3x!q.real> -> tensor<1x6x!q.real>
  %2 = q.relu %1 : tensor<1x6x!q.real> -> tensor<1x6x!q.real>
  %y = q.quantize %2 half_even saturate : tensor<1x6x!q.real> -> tensor<1x6x!q.fixed<4, 0>>
  // It stays in front of constants that tell elements apart, and of a float32 quantiser.
  %t = q.constant #q.dense<["1/3", "1/2", "1/5", "1/7", "1/11", "1/13"] : tensor<6x!q.real>>
  %3 = q.reshape %b : tensor<2x3x!q.fixed<6, 0>> -> tensor<1x6x!q.fixed<6, 0>>
  %z = q.mul %3, %t : tensor<1x6x!q.fixed<6, 0>>, tensor<6x!q.real> -> tensor<1x6x!q.real>
  %4 = q.reshape %f : tensor<2x3xf32> -> tensor<1x6xf32>
  %q = q.quantize %4 half_even saturate : tensor<1x6xf32> -> tensor<1x6x!q.fixed<4, 0>>
  func.return %y, %z, %q : tensor<1x6x!q.fixed<4, 0>>, tensor<1x6x!q.real>, tensor<1x6x!q.fixed<4, 0>>
}
// CHECK:      q.mul %a, %s
// CHECK-NEXT: q.relu {{.*}} tensor<1x2x3x!q.real>
// CHECK-NEXT: %[[Q:.*]] = q.quantize {{.*}} -> tensor<1x2x3x!q.fixed<4, 0>>
// CHECK-NEXT: q.reshape %[[Q]] : tensor<1x2x3x!q.fixed<4, 0>> -> tensor<1x6x!q.fixed<4, 0>>
// CHECK:      %[[B:.*]] = q.reshape %b
// CHECK-NEXT: q.mul %[[B]], %t
// CHECK-NEXT: %[[F:.*]] = q.reshape %f
// CHECK-NEXT: q.quantize %[[F]]

// -----
// It goes behind a function in float32 of integers, if that is quantised; not behind one that is not.
func.func @main(%a: tensor<1x2x3x!q.fixed<6, 0>>) -> (tensor<1x6x!q.fixed<4, 0>>, tensor<1x6xf32>) {
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %0 = q.mul %a, %s : tensor<1x2x3x!q.fixed<6, 0>>, tensor<!q.real> -> tensor<1x2x3x!q.real>
  %1 = q.quantize %0 half_even saturate : tensor<1x2x3x!q.real> -> tensor<1x2x3xf32>
  %2 = q.reshape %1 : tensor<1x2x3xf32> -> tensor<1x6xf32>
  %3 = q.tanh %2 : tensor<1x6xf32>
  %y = q.quantize %3 half_even saturate : tensor<1x6xf32> -> tensor<1x6x!q.fixed<4, 0>>
  %4 = q.quantize %0 half_even saturate : tensor<1x2x3x!q.real> -> tensor<1x2x3xf32>
  %5 = q.reshape %4 : tensor<1x2x3xf32> -> tensor<1x6xf32>
  %z = q.sigmoid %5 : tensor<1x6xf32>
  func.return %y, %z : tensor<1x6x!q.fixed<4, 0>>, tensor<1x6xf32>
}
// CHECK:      func.func @main
// CHECK:      q.tanh {{.*}} tensor<1x2x3xf32>
// CHECK-NEXT: %[[Y:.*]] = q.quantize {{.*}} -> tensor<1x2x3x!q.fixed<4, 0>>
// CHECK-NEXT: q.reshape %[[Y]]
// CHECK:      q.reshape {{.*}} tensor<1x2x3xf32> -> tensor<1x6xf32>
// CHECK-NEXT: q.sigmoid

// -----
// Reshapes that meet become one, or none; the first stays for its other users.
func.func @main(%a: tensor<1x8x4x!q.fixed<6, 0>>) -> (tensor<1x8x4x1x!q.fixed<6, 0>>, tensor<1x1x8x4x!q.fixed<6, 0>>, tensor<32x!q.fixed<6, 0>>) {
  %0 = q.reshape %a : tensor<1x8x4x!q.fixed<6, 0>> -> tensor<1x1x8x4x!q.fixed<6, 0>>
  %y = q.reshape %0 : tensor<1x1x8x4x!q.fixed<6, 0>> -> tensor<1x8x4x1x!q.fixed<6, 0>>
  %1 = q.reshape %a : tensor<1x8x4x!q.fixed<6, 0>> -> tensor<4x8x!q.fixed<6, 0>>
  %2 = q.reshape %1 : tensor<4x8x!q.fixed<6, 0>> -> tensor<8x4x!q.fixed<6, 0>>
  %z = q.reshape %2 : tensor<8x4x!q.fixed<6, 0>> -> tensor<32x!q.fixed<6, 0>>
  func.return %y, %0, %z : tensor<1x8x4x1x!q.fixed<6, 0>>, tensor<1x1x8x4x!q.fixed<6, 0>>, tensor<32x!q.fixed<6, 0>>
}
// CHECK:      func.func @main
// CHECK-NEXT: %[[A:.*]] = q.reshape %a : {{.*}} -> tensor<1x1x8x4x!q.fixed<6, 0>>
// CHECK-NEXT: %[[Y:.*]] = q.reshape %a : {{.*}} -> tensor<1x8x4x1x!q.fixed<6, 0>>
// CHECK-NEXT: %[[Z:.*]] = q.reshape %a : {{.*}} -> tensor<32x!q.fixed<6, 0>>
// CHECK-NEXT: func.return %[[Y]], %[[A]], %[[Z]]

// -----
func.func @main(%a: tensor<1x8x!q.fixed<6, 0>>) -> tensor<1x8x!q.fixed<6, 0>> {
  %0 = q.reshape %a : tensor<1x8x!q.fixed<6, 0>> -> tensor<1x8x1x!q.fixed<6, 0>>
  %y = q.reshape %0 : tensor<1x8x1x!q.fixed<6, 0>> -> tensor<1x8x!q.fixed<6, 0>>
  func.return %y : tensor<1x8x!q.fixed<6, 0>>
}
// CHECK:      func.func @main
// CHECK-NEXT: func.return %a
