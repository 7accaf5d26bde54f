// RUN: qopt %s -p q-move-concatenations --split-input-file | filecheck %s

// Each operand gets the ReLU and the quantiser, and its own of the scales of the channels; other users keep the concatenation.
func.func @main(%a: tensor<1x2x!q.real>, %b: tensor<1x3x!q.real>) -> (tensor<1x5x!q.ufixed<4, 0>>, tensor<1x5x!q.real>) {
  %s = q.constant #q.dense<["1/3", "1/2", "1/5", "1/7", "1/11"] : tensor<5x!q.real>>
  %0 = q.concat %a, %b axis 1 : tensor<1x2x!q.real>, tensor<1x3x!q.real> -> tensor<1x5x!q.real>
  %1 = q.mul %0, %s : tensor<1x5x!q.real>, tensor<5x!q.real> -> tensor<1x5x!q.real>
  %2 = q.relu %1 : tensor<1x5x!q.real> -> tensor<1x5x!q.real>
  %y = q.quantize %2 half_even saturate : tensor<1x5x!q.real> -> tensor<1x5x!q.ufixed<4, 0>>
  func.return %y, %0 : tensor<1x5x!q.ufixed<4, 0>>, tensor<1x5x!q.real>
}
// CHECK:      %[[ALL:.*]] = q.concat %a, %b
// CHECK-NEXT: %[[S:.*]] = q.constant #q.dense<["1/3", "1/2"]
// CHECK-NEXT: q.mul %a, %[[S]]
// CHECK-NEXT: q.relu
// CHECK-NEXT: %[[A:.*]] = q.quantize {{.*}} -> tensor<1x2x!q.ufixed<4, 0>>
// CHECK-NEXT: %[[T:.*]] = q.constant #q.dense<["1/5", "1/7", "1/11"]
// CHECK-NEXT: q.mul %b, %[[T]]
// CHECK-NEXT: q.relu
// CHECK-NEXT: %[[B:.*]] = q.quantize {{.*}} -> tensor<1x3x!q.ufixed<4, 0>>
// CHECK-NEXT: %[[Y:.*]] = q.concat %[[A]], %[[B]] axis 1
// CHECK-NEXT: func.return %[[Y]], %[[ALL]]

// -----
// Integers are quantised as one; without a quantiser to integers nothing moves.
func.func @main(%a: tensor<1x2x!q.fixed<8, 0>>, %b: tensor<1x3x!q.real>) -> (tensor<1x4x!q.ufixed<4, 0>>, tensor<1x6x!q.real>) {
  %0 = q.concat %a, %a axis 1 : tensor<1x2x!q.fixed<8, 0>>, tensor<1x2x!q.fixed<8, 0>> -> tensor<1x4x!q.fixed<8, 0>>
  %y = q.quantize %0 half_even saturate : tensor<1x4x!q.fixed<8, 0>> -> tensor<1x4x!q.ufixed<4, 0>>
  %1 = q.concat %b, %b axis 1 : tensor<1x3x!q.real>, tensor<1x3x!q.real> -> tensor<1x6x!q.real>
  %z = q.relu %1 : tensor<1x6x!q.real> -> tensor<1x6x!q.real>
  func.return %y, %z : tensor<1x4x!q.ufixed<4, 0>>, tensor<1x6x!q.real>
}
// CHECK:      %[[C:.*]] = q.concat %a, %a
// CHECK-NEXT: q.quantize %[[C]]
// CHECK-NEXT: %[[D:.*]] = q.concat %b, %b
// CHECK-NEXT: q.relu %[[D]]

// -----
// Batch normalisation has a row of numbers for an axis of its own, and stays.
func.func @main(%a: tensor<1x1x2x!q.real>, %b: tensor<1x1x2x!q.real>) -> tensor<1x2x2x!q.ufixed<4, 0>> {
  %s = q.constant #q.dense<["1/3", "1/2"] : tensor<2x!q.real>>
  %0 = q.concat %a, %b axis 1 : tensor<1x1x2x!q.real>, tensor<1x1x2x!q.real> -> tensor<1x2x2x!q.real>
  %1 = q.batch_norm %0, %s, %s, %s, %s axis 1 epsilon 1.000000e-05 : f32 : tensor<1x2x2x!q.real>, tensor<2x!q.real>, tensor<2x!q.real>, tensor<2x!q.real>, tensor<2x!q.real> -> tensor<1x2x2x!q.real>
  %y = q.quantize %1 half_even saturate : tensor<1x2x2x!q.real> -> tensor<1x2x2x!q.ufixed<4, 0>>
  func.return %y : tensor<1x2x2x!q.ufixed<4, 0>>
}
// CHECK:      %[[C:.*]] = q.concat %a, %b
// CHECK-NEXT: q.batch_norm %[[C]], {{.*}} axis 1
// CHECK-NEXT: q.quantize
