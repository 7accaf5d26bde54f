// RUN: qopt %s -p q-absorb-expansions --split-input-file | filecheck %s

// The product broadcasts by itself, behind functions and quantisers, too; what else takes the expansion keeps it.
func.func @main(%x: tensor<1x2x4x4xf32>, %g: tensor<2x1x1xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) {
  %0 = q.expand %g : tensor<2x1x1xf32> -> tensor<1x2x4x4xf32>
  %1 = q.sigmoid %0 : tensor<1x2x4x4xf32>
  %y = q.mul %x, %1 : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32> -> tensor<1x2x4x4xf32>
  func.return %y, %0 : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
}
// CHECK:      %[[E:.*]] = q.expand %g
// CHECK-NEXT: %[[S:.*]] = q.sigmoid %g : tensor<2x1x1xf32>
// CHECK-NEXT: %[[Y:.*]] = q.mul %x, %[[S]] : tensor<1x2x4x4xf32>, tensor<2x1x1xf32> -> tensor<1x2x4x4xf32>
// CHECK-NEXT: func.return %[[Y]], %[[E]]

// -----
// Of two expansions that make the shape together one goes; an expansion that the shape needs stays.
func.func @main(%a: tensor<1x4xf32>, %b: tensor<3x1xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>) {
  %0 = q.expand %a : tensor<1x4xf32> -> tensor<3x4xf32>
  %1 = q.expand %b : tensor<3x1xf32> -> tensor<3x4xf32>
  %2 = q.sub %0, %1 : tensor<3x4xf32>, tensor<3x4xf32> -> tensor<3x4xf32>
  %two = q.constant #q.dense<2.0 : tensor<1x1xf32>>
  %3 = q.expand %a : tensor<1x4xf32> -> tensor<3x4xf32>
  %4 = q.mul %3, %two : tensor<3x4xf32>, tensor<1x1xf32> -> tensor<3x4xf32>
  func.return %2, %4 : tensor<3x4xf32>, tensor<3x4xf32>
}
// CHECK:      q.sub %a, %b : tensor<1x4xf32>, tensor<3x1xf32> -> tensor<3x4xf32>
// CHECK:      %[[M:.*]] = q.mul %a, %{{.*}} : tensor<1x4xf32>, tensor<1x1xf32> -> tensor<1x4xf32>
// CHECK-NEXT: q.expand %[[M]] : tensor<1x4xf32> -> tensor<3x4xf32>
