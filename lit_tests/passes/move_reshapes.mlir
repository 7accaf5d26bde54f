// RUN: qopt %s --split-input-file -p q-move-reshapes | filecheck %s

// Scales of a channel are repeated for its elements; the reshape goes behind all that is done to each element.
// CHECK-LABEL: func.func @decoder
// CHECK-NEXT: %s = q.constant #q.dense<["1/2", "1/2", "1/3", "1/3"] : tensor<4x!q.real>>
// CHECK-NEXT: q.mul %x, %s : tensor<1x4x!q.fixed<8, 0>>, tensor<4x!q.real> -> tensor<1x4x!q.real> loc("Scale_1")
// CHECK: q.quantize %{{.*}} half_even saturate : tensor<1x4x!q.real> -> tensor<1x4x!q.fixed<4, 0>>
// CHECK-NEXT: [[Y:%.*]] = q.reshape %{{.*}} : tensor<1x4x!q.fixed<4, 0>> -> tensor<1x2x1x2x!q.fixed<4, 0>>
// CHECK-NEXT: func.return [[Y]]
func.func @decoder(%x: tensor<1x4x!q.fixed<8, 0>>) -> tensor<1x2x1x2x!q.fixed<4, 0>> {
  %s = q.constant #q.dense<[[["1/2"]], [["1/3"]]] : tensor<2x1x1x!q.real>>
  %0 = q.reshape %x : tensor<1x4x!q.fixed<8, 0>> -> tensor<1x2x1x2x!q.fixed<8, 0>>
  %1 = q.mul %0, %s : tensor<1x2x1x2x!q.fixed<8, 0>>, tensor<2x1x1x!q.real> -> tensor<1x2x1x2x!q.real> loc("Scale_1")
  %y = q.quantize %1 half_even saturate : tensor<1x2x1x2x!q.real> -> tensor<1x2x1x2x!q.fixed<4, 0>>
  func.return %y : tensor<1x2x1x2x!q.fixed<4, 0>>
}

// -----

// A number for all elements stays one; a proven range goes along.
// CHECK-LABEL: func.func @scalar
// CHECK-NEXT: q.constant #q.dense<3 : tensor<!q.fixed<3, 0>>>
// CHECK-NEXT: q.add %x, %c range <0, 5> : tensor<1x4x!q.fixed<4, 0>>, tensor<!q.fixed<3, 0>> -> tensor<1x4x!q.ufixed<3, 0>>
// CHECK-NEXT: q.reshape
func.func @scalar(%x: tensor<1x4x!q.fixed<4, 0>>) -> tensor<1x2x2x!q.ufixed<3, 0>> {
  %c = q.constant #q.dense<3 : tensor<!q.fixed<3, 0>>>
  %0 = q.reshape %x : tensor<1x4x!q.fixed<4, 0>> -> tensor<1x2x2x!q.fixed<4, 0>>
  %y = q.add %0, %c range <0, 5> : tensor<1x2x2x!q.fixed<4, 0>>, tensor<!q.fixed<3, 0>> -> tensor<1x2x2x!q.ufixed<3, 0>>
  func.return %y : tensor<1x2x2x!q.ufixed<3, 0>>
}

// -----

// Two uses, images made of images, other operands that are computed, float32: nothing moves.
// CHECK-LABEL: func.func @leave
// CHECK-NEXT: q.reshape
// CHECK-NEXT: q.relu
// CHECK-NEXT: q.add
// CHECK-NEXT: q.reshape
// CHECK-NEXT: q.relu
// CHECK-NEXT: q.reshape
// CHECK-NEXT: q.add
// CHECK-NEXT: q.reshape
// CHECK-NEXT: q.relu
func.func @leave(%x: tensor<1x4x!q.fixed<4, 0>>, %i: tensor<1x2x2x!q.fixed<4, 0>>, %f: tensor<1x4xf32>) -> (tensor<1x2x2x!q.fixed<5, 0>>, tensor<1x4x1x!q.ufixed<3, 0>>, tensor<1x2x2x!q.fixed<5, 0>>, tensor<1x2x2xf32>) {
  %0 = q.reshape %x : tensor<1x4x!q.fixed<4, 0>> -> tensor<1x2x2x!q.fixed<4, 0>>
  %1 = q.relu %0 : tensor<1x2x2x!q.fixed<4, 0>> -> tensor<1x2x2x!q.ufixed<3, 0>>
  %2 = q.add %0, %1 : tensor<1x2x2x!q.fixed<4, 0>>, tensor<1x2x2x!q.ufixed<3, 0>> -> tensor<1x2x2x!q.fixed<5, 0>>
  %3 = q.reshape %i : tensor<1x2x2x!q.fixed<4, 0>> -> tensor<1x4x1x!q.fixed<4, 0>>
  %4 = q.relu %3 : tensor<1x4x1x!q.fixed<4, 0>> -> tensor<1x4x1x!q.ufixed<3, 0>>
  %5 = q.reshape %x : tensor<1x4x!q.fixed<4, 0>> -> tensor<1x2x2x!q.fixed<4, 0>>
  %6 = q.add %5, %i : tensor<1x2x2x!q.fixed<4, 0>>, tensor<1x2x2x!q.fixed<4, 0>> -> tensor<1x2x2x!q.fixed<5, 0>>
  %7 = q.reshape %f : tensor<1x4xf32> -> tensor<1x2x2xf32>
  %8 = q.relu %7 : tensor<1x2x2xf32> -> tensor<1x2x2xf32>
  func.return %2, %4, %6, %8 : tensor<1x2x2x!q.fixed<5, 0>>, tensor<1x4x1x!q.ufixed<3, 0>>, tensor<1x2x2x!q.fixed<5, 0>>, tensor<1x2x2xf32>
}
