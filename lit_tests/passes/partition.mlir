// RUN: qopt %s -p q-partition --split-input-file | filecheck %s

// The input quantiser stays with the host in float32, the scale behind the last product too; names are kept.
func.func @main(%x: tensor<1x2x2xf32> {q.name = "global_in"}) -> (tensor<1x1xf32> {q.name = "global_out"}) {
  %q = q.quantize %x half_even saturate narrow : tensor<1x2x2xf32> -> tensor<1x2x2x!q.fixed<2, 0>> loc("Quant_0")
  %r = q.reshape %q : tensor<1x2x2x!q.fixed<2, 0>> -> tensor<1x4x!q.fixed<2, 0>>
  %w = q.constant #q.dense<[[1], [-1], [1], [0]] : tensor<4x1x!q.fixed<2, 0>>>
  %a = q.matmul %r, %w : tensor<1x4x!q.fixed<2, 0>>, tensor<4x1x!q.fixed<2, 0>> -> tensor<1x1x!q.fixed<4, 0>> loc("MatMul_1")
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %m = q.mul %a, %s : tensor<1x1x!q.fixed<4, 0>>, tensor<!q.real> -> tensor<1x1x!q.real> loc("Mul_2")
  %y = q.quantize %m half_even saturate : tensor<1x1x!q.real> -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
// CHECK:      func.func @main(%x: tensor<1x2x2xf32> {q.name = "global_in"}) -> (tensor<1x1xf32> {q.name = "global_out"}) {
// CHECK-NEXT: %r = func.call @host_before(%x) : (tensor<1x2x2xf32>) -> tensor<1x4x!q.fixed<2, 0>>
// CHECK-NEXT: %a = func.call @hardware(%r) : (tensor<1x4x!q.fixed<2, 0>>) -> tensor<1x1x!q.fixed<4, 0>>
// CHECK-NEXT: %y = func.call @host_after(%a) : (tensor<1x1x!q.fixed<4, 0>>) -> tensor<1x1xf32>
// CHECK-NEXT: func.return %y
// CHECK:      func.func private @host_before(%x: tensor<1x2x2xf32> {q.name = "global_in"})
// CHECK-NEXT: %q = q.quantize %x {{.*}} loc("Quant_0")
// CHECK-NEXT: %r = q.reshape %q
// CHECK-NEXT: func.return %r
// CHECK:      func.func private @hardware(%r: tensor<1x4x!q.fixed<2, 0>> {q.name = "global_in"}) -> (tensor<1x1x!q.fixed<4, 0>> {q.name = "global_out"})
// CHECK-NEXT: %w = q.constant
// CHECK-NEXT: %a = q.matmul %r, %w {{.*}} loc("MatMul_1")
// CHECK-NEXT: func.return %a
// CHECK:      func.func private @host_after(%a: tensor<1x1x!q.fixed<4, 0>>) -> (tensor<1x1xf32> {q.name = "global_out"})
// CHECK:      q.mul %a, %s {{.*}} loc("Mul_2")
// CHECK-NEXT: q.quantize

// -----
// An input quantiser in integers, biases, requantisers and arg-max are hardware; nothing is left to the host.
func.func @main(%x: tensor<1x2x!q.ufixed<8, 0>> {q.name = "x"}) -> (tensor<1x!q.ufixed<1, 0>> {q.name = "y"}) {
  %t = q.constant #q.dense<[[100, 200]] : tensor<1x2x!q.ufixed<8, 0>>>
  %q = q.threshold %x, %t base -1 : tensor<1x2x!q.ufixed<8, 0>>, tensor<1x2x!q.ufixed<8, 0>> -> tensor<1x2x!q.fixed<2, 0>>
  %w = q.constant #q.dense<[[1, 0], [-1, 1]] : tensor<2x2x!q.fixed<2, 0>>>
  %b = q.constant #q.dense<[5, -3] : tensor<2x!q.fixed<4, 0>>>
  %n = q.constant #q.dense<[9, 11] : tensor<2x!q.ufixed<4, 0>>>
  %a = q.matmul %q, %w : tensor<1x2x!q.fixed<2, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<3, 0>>
  %c = q.add %a, %b : tensor<1x2x!q.fixed<3, 0>>, tensor<2x!q.fixed<4, 0>> -> tensor<1x2x!q.fixed<5, 0>>
  %m = q.mul %c, %n : tensor<1x2x!q.fixed<5, 0>>, tensor<2x!q.ufixed<4, 0>> -> tensor<1x2x!q.fixed<9, 0>>
  %k = q.quantize %m half_up saturate : tensor<1x2x!q.fixed<9, 0>> -> tensor<1x2x!q.fixed<4, -4>>
  %y = q.arg_max %k axis 1 : tensor<1x2x!q.fixed<4, -4>> -> tensor<1x!q.ufixed<1, 0>>
  func.return %y : tensor<1x!q.ufixed<1, 0>>
}
// CHECK:      func.func private @host_before
// CHECK-NEXT: func.return
// CHECK:      func.func private @hardware
// CHECK:      q.threshold
// CHECK:      q.matmul
// CHECK:      q.add
// CHECK:      q.mul
// CHECK-NEXT: q.quantize
// CHECK-NEXT: q.arg_max
// CHECK:      func.func private @host_after
// CHECK-NEXT: func.return

// -----
// A range that followed from a narrow quantiser is stated as a proof, now that the operand is an argument.
func.func @main(%x: tensor<1x2xf32>) -> tensor<1x1x!q.fixed<2, 0>> {
  %q = q.quantize %x half_even saturate narrow : tensor<1x2xf32> -> tensor<1x2x!q.fixed<2, 0>>
  %w = q.constant #q.dense<[[1], [0]] : tensor<2x1x!q.ufixed<1, 0>>>
  %a = q.matmul %q, %w : tensor<1x2x!q.fixed<2, 0>>, tensor<2x1x!q.ufixed<1, 0>> -> tensor<1x1x!q.fixed<2, 0>>
  func.return %a : tensor<1x1x!q.fixed<2, 0>>
}
// CHECK: func.func private @hardware(%q: tensor<1x2x!q.fixed<2, 0>> {q.name = "x"}) -> (tensor<1x1x!q.fixed<2, 0>> {q.name = "output0"})
// CHECK: q.matmul %q, %w range <-1, 1>

// -----
// A float32 path from the input to the output goes past the hardware; what the hardware gives comes in one vector.
func.func @main(%x: tensor<1x1xf32> {q.name = "x"}) -> (tensor<1x1xf32>, tensor<1x1x!q.fixed<2, 0>>) {
  %q = q.quantize %x half_even saturate : tensor<1x1xf32> -> tensor<1x1x!q.fixed<2, 0>>
  %w = q.constant #q.dense<[[1]] : tensor<1x1x!q.ufixed<1, 0>>>
  %a = q.matmul %q, %w : tensor<1x1x!q.fixed<2, 0>>, tensor<1x1x!q.ufixed<1, 0>> -> tensor<1x1x!q.fixed<2, 0>>
  %b = q.matmul %a, %w : tensor<1x1x!q.fixed<2, 0>>, tensor<1x1x!q.ufixed<1, 0>> -> tensor<1x1x!q.fixed<2, 0>>
  %f = q.quantize %a half_even saturate : tensor<1x1x!q.fixed<2, 0>> -> tensor<1x1xf32>
  %y = q.add %f, %x : tensor<1x1xf32>, tensor<1x1xf32> -> tensor<1x1xf32>
  func.return %y, %b : tensor<1x1xf32>, tensor<1x1x!q.fixed<2, 0>>
}
// CHECK:      [[B:%.*]], [[X:%.*]] = func.call @host_before(%x)
// CHECK-NEXT: [[H:%.*]] = func.call @hardware([[B]])
// CHECK-NEXT: func.call @host_after([[H]], [[X]])

// -----
// A module that is divided already stays as it is.
func.func @main(%x: tensor<1x!q.fixed<2, 0>>) -> tensor<1x!q.fixed<2, 0>> {
  %y = func.call @hardware(%x) : (tensor<1x!q.fixed<2, 0>>) -> tensor<1x!q.fixed<2, 0>>
  func.return %y : tensor<1x!q.fixed<2, 0>>
}
func.func private @hardware(%x: tensor<1x!q.fixed<2, 0>>) -> tensor<1x!q.fixed<2, 0>> {
  func.return %x : tensor<1x!q.fixed<2, 0>>
}
// CHECK:     func.func @main
// CHECK-NOT: host_before
// CHECK:     func.func private @hardware

// -----
// Two values that leave the hardware become one vector of a common type, which the host cuts apart.
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> (tensor<1x2x!q.fixed<7, 0>>, tensor<2x1x!q.bipolar>) {
  %w = q.constant #q.dense<[[1, -1], [2, 3]] : tensor<2x2x!q.fixed<3, 0>>>
  %a = q.matmul %x, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x2x!q.fixed<3, 0>> -> tensor<1x2x!q.fixed<7, 0>>
  %t = q.constant #q.dense<[[3]] : tensor<1x1x!q.fixed<7, 0>>>
  %b = q.threshold %a, %t base -1 : tensor<1x2x!q.fixed<7, 0>>, tensor<1x1x!q.fixed<7, 0>> -> tensor<1x2x!q.bipolar>
  %c = q.reshape %b : tensor<1x2x!q.bipolar> -> tensor<2x1x!q.bipolar>
  func.return %a, %c : tensor<1x2x!q.fixed<7, 0>>, tensor<2x1x!q.bipolar>
}
// CHECK:      %outputs = func.call @hardware
// CHECK:      func.func private @hardware
// CHECK:      %outputs = q.concat %{{.*}}, %{{.*}} axis 1 : {{.*}} -> tensor<1x4x!q.fixed<7, 0>>
// CHECK-NEXT: func.return %outputs
// CHECK:      func.func private @host_after(%outputs: tensor<1x4x!q.fixed<7, 0>>)
// CHECK-NEXT: q.slice %outputs starts [0, 0] sizes [1, 2]
// CHECK:      %[[B:.*]] = q.slice %outputs starts [0, 2] sizes [1, 2]
// CHECK:      q.quantize {{.*}} -> tensor<1x2x!q.bipolar>

// -----

// A part of the input is hardware, parts of the result are for the host.
// CHECK: func.func private @host_before(%x: tensor<1x3x!q.fixed<2, 0>>
// CHECK-NEXT: func.return
// CHECK: func.func private @hardware
// CHECK: q.slice
// CHECK: q.matmul
// CHECK-NEXT: func.return
// CHECK: func.func private @host_after
// CHECK-NEXT: q.slice
// CHECK-NEXT: q.slice
// CHECK-NEXT: func.return
func.func @main(%x: tensor<1x3x!q.fixed<2, 0>>) -> (tensor<1x1x!q.fixed<4, 0>>, tensor<1x1x!q.fixed<4, 0>>) {
  %w = q.constant #q.dense<1 : tensor<2x2x!q.fixed<2, 0>>>
  %0 = q.slice %x starts [0, 1] sizes [1, 2] steps [1, 1] : tensor<1x3x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<2, 0>>
  %1 = q.matmul %0, %w : tensor<1x2x!q.fixed<2, 0>>, tensor<2x2x!q.fixed<2, 0>> -> tensor<1x2x!q.fixed<4, 0>>
  %2 = q.slice %1 starts [0, 0] sizes [1, 1] steps [1, 1] : tensor<1x2x!q.fixed<4, 0>> -> tensor<1x1x!q.fixed<4, 0>>
  %3 = q.slice %1 starts [0, 1] sizes [1, 1] steps [1, 1] : tensor<1x2x!q.fixed<4, 0>> -> tensor<1x1x!q.fixed<4, 0>>
  func.return %2, %3 : tensor<1x1x!q.fixed<4, 0>>, tensor<1x1x!q.fixed<4, 0>>
}
