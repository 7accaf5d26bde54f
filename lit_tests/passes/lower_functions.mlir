// RUN: qopt %s -p q-lower-functions --split-input-file | filecheck %s --check-prefixes=CHECK,MANY
// RUN: qopt %s -p 'q-lower-functions{max-levels=2}' --split-input-file | filecheck %s --check-prefixes=CHECK,FEW

// A leaky ReLU of a wide word becomes thresholds, of a narrow word a table; a sine, in float32, is no count at all.
func.func @main(%a: tensor<1x2x!q.fixed<12, 8>>, %b: tensor<1x2x!q.fixed<3, 0>>) -> (tensor<1x2x!q.fixed<3, 0>>, tensor<1x2x!q.fixed<4, 1>>, tensor<1x2x!q.fixed<5, 3>>) {
  %slope = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %0 = q.prelu %a, %slope : tensor<1x2x!q.fixed<12, 8>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %w = q.quantize %0 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<3, 0>>
  %1 = q.prelu %b, %slope : tensor<1x2x!q.fixed<3, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %n = q.quantize %1 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<4, 1>>
  %2 = q.quantize %b half_even saturate : tensor<1x2x!q.fixed<3, 0>> -> tensor<1x2xf32>
  %3 = q.sin %2 : tensor<1x2xf32>
  %z = q.quantize %3 half_even saturate : tensor<1x2xf32> -> tensor<1x2x!q.fixed<5, 3>>
  func.return %w, %n, %z : tensor<1x2x!q.fixed<3, 0>>, tensor<1x2x!q.fixed<4, 1>>, tensor<1x2x!q.fixed<5, 3>>
}
// MANY:       %thresholds = q.constant #q.dense<[[-1920, -1151, -384, 129, 384, 641]] : tensor<1x6x!q.fixed<12, 8>>>
// MANY-NEXT:  %w = q.threshold %a, %thresholds base -3
// FEW:        %w = q.table %a, %{{.*}} base -2048
// CHECK:      #q.dense<[[-3, -2, -1, -1, 0, 2, 4, 6]] : tensor<1x8x!q.fixed<4, 1>>>
// CHECK-NEXT: %n = q.table %b, %{{.*}} base -4
// CHECK-NEXT: #q.dense<[[6, -1, -7, -7, 0, 7, 7, 1]] : tensor<1x8x!q.fixed<5, 3>>>
// CHECK-NEXT: %z = q.table %b, %{{.*}} base -4

// -----
// Branches that meet again are one function: x * clip(x + 3, 0, 6) / 6.
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x2x!q.fixed<4, 1>> {
  %least = q.constant #q.dense<-4 : tensor<!q.fixed<3, 0>>>
  %most = q.constant #q.dense<2 : tensor<!q.fixed<3, 0>>>
  %c = q.clip %x, %least, %most : tensor<1x2x!q.fixed<4, 0>>, tensor<!q.fixed<3, 0>>, tensor<!q.fixed<3, 0>> -> tensor<1x2x!q.fixed<3, 0>>
  %sixth = q.constant #q.dense<"1/6" : tensor<!q.real>>
  %three = q.constant #q.dense<3 : tensor<!q.ufixed<2, 0>>>
  %zero = q.constant #q.dense<0 : tensor<!q.ufixed<1, 0>>>
  %six = q.constant #q.dense<6 : tensor<!q.ufixed<3, 0>>>
  %0 = q.add %c, %three : tensor<1x2x!q.fixed<3, 0>>, tensor<!q.ufixed<2, 0>> -> tensor<1x2x!q.fixed<4, 0>>
  %1 = q.clip %0, %zero, %six : tensor<1x2x!q.fixed<4, 0>>, tensor<!q.ufixed<1, 0>>, tensor<!q.ufixed<3, 0>> -> tensor<1x2x!q.ufixed<3, 0>>
  %2 = q.mul %c, %1 : tensor<1x2x!q.fixed<3, 0>>, tensor<1x2x!q.ufixed<3, 0>> -> tensor<1x2x!q.fixed<6, 0>>
  %3 = q.mul %2, %sixth : tensor<1x2x!q.fixed<6, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %3 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<4, 1>>
  func.return %y : tensor<1x2x!q.fixed<4, 1>>
}
// CHECK-NOT: q.clip
// CHECK:     #q.dense<[[0, 0, 0, 0, 0, 0, -1, -1, 0, 1, 3, 3, 3, 3, 3, 3]] : tensor<1x16x!q.fixed<4, 1>>>
// CHECK-NEXT: q.table %x, %{{.*}} base -8

// -----
// A slope for each channel gives a row for each, along their axis.
func.func @main(%x: tensor<1x2x3x!q.fixed<3, 0>>) -> tensor<1x2x3x!q.fixed<4, 1>> {
  %slope = q.constant #q.dense<[["1/3"], ["-1/3"]] : tensor<2x1x!q.real>>
  %0 = q.prelu %x, %slope : tensor<1x2x3x!q.fixed<3, 0>>, tensor<2x1x!q.real> -> tensor<1x2x3x!q.real>
  %y = q.quantize %0 half_even saturate : tensor<1x2x3x!q.real> -> tensor<1x2x3x!q.fixed<4, 1>>
  func.return %y : tensor<1x2x3x!q.fixed<4, 1>>
}
// CHECK:      #q.dense<[[-3, -2, -1, -1, 0, 2, 4, 6], [3, 2, 1, 1, 0, 2, 4, 6]] : tensor<2x8x!q.fixed<4, 1>>>
// CHECK-NEXT: q.table %x, %{{.*}} base -4 axis 1

// -----
// What follows from two integers stays, and what mixes the elements of a tensor.
func.func @main(%x: tensor<1x2x!q.fixed<3, 0>>, %z: tensor<1x2x!q.fixed<3, 0>>) -> (tensor<1x2x!q.fixed<4, 1>>, tensor<1x2x!q.fixed<4, 1>>) {
  %third = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %0 = q.mul %x, %third : tensor<1x2x!q.fixed<3, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %1 = q.add %0, %z : tensor<1x2x!q.real>, tensor<1x2x!q.fixed<3, 0>> -> tensor<1x2x!q.real>
  %y = q.quantize %1 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<4, 1>>
  %2 = q.quantize %x half_even saturate : tensor<1x2x!q.fixed<3, 0>> -> tensor<1x2xf32>
  %3 = q.softmax %2 axis 1 : tensor<1x2xf32>
  %s = q.quantize %3 half_even saturate : tensor<1x2xf32> -> tensor<1x2x!q.fixed<4, 1>>
  func.return %y, %s : tensor<1x2x!q.fixed<4, 1>>, tensor<1x2x!q.fixed<4, 1>>
}
// CHECK:     %y = q.quantize %1
// CHECK:     %s = q.quantize %3

// -----
// A function of a bipolar number is a threshold; one of a constant sign gives the one code.
func.func @main(%x: tensor<1x2x!q.bipolar>) -> (tensor<1x2x!q.ufixed<3, 1>>, tensor<1x2x!q.bipolar>) {
  %third = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %0 = q.prelu %x, %third : tensor<1x2x!q.bipolar>, tensor<!q.real> -> tensor<1x2x!q.real>
  %1 = q.sub %third, %0 : tensor<!q.real>, tensor<1x2x!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %1 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.ufixed<3, 1>>
  %z = q.quantize %1 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.bipolar>
  func.return %y, %z : tensor<1x2x!q.ufixed<3, 1>>, tensor<1x2x!q.bipolar>
}
// CHECK: %y = q.threshold %x, %{{.*}} descending %{{.*}} base 0
// CHECK: %z = q.threshold %x, %{{.*}} descending %{{.*}} base -1

// -----
// A channel's row for codes that only another channel has stays within the type, which is proven channel by channel.
func.func @main(%x: tensor<1x2x!q.ufixed<2, 0>>) -> tensor<1x2x!q.ufixed<4, 0>> {
  %w = q.constant #q.dense<[[1, 0], [0, 3]] : tensor<2x2x!q.ufixed<2, 0>>>
  %a = q.matmul %x, %w : tensor<1x2x!q.ufixed<2, 0>>, tensor<2x2x!q.ufixed<2, 0>> -> tensor<1x2x!q.ufixed<4, 0>>
  %m = q.constant #q.dense<[3, 1] : tensor<2x!q.ufixed<2, 0>>>
  %p = q.mul %a, %m range <0, 9> : tensor<1x2x!q.ufixed<4, 0>>, tensor<2x!q.ufixed<2, 0>> -> tensor<1x2x!q.ufixed<4, 0>>
  %one = q.constant #q.dense<1 : tensor<!q.ufixed<1, 0>>>
  %y = q.max %p, %one : tensor<1x2x!q.ufixed<4, 0>>, tensor<!q.ufixed<1, 0>> -> tensor<1x2x!q.ufixed<4, 0>>
  func.return %y : tensor<1x2x!q.ufixed<4, 0>>
}
// MANY: %table = q.constant #q.dense<{{\[\[}}1, 3, 6, 9, 12, 15, 15, 15, 15, 15], [1, 1, 2, 3, 4, 5, 6, 7, 8, 9]] : tensor<2x10x!q.ufixed<4, 0>>>
// CHECK: q.table %a, %table base 0

// -----
// Too many codes for a table: the thresholds of a PReLU have a closed form. Its slope is dequantised here.
func.func @main(%x: tensor<1x2x3x!q.fixed<24, 0>>) -> tensor<1x2x3x!q.fixed<2, 0>> {
  %codes = q.constant #q.dense<[[10], [30]] : tensor<2x1x!q.ufixed<5, 0>>>
  %scale = q.constant #q.dense<"1/40" : tensor<!q.real>>
  %slope = q.mul %codes, %scale : tensor<2x1x!q.ufixed<5, 0>>, tensor<!q.real> -> tensor<2x1x!q.real>
  %s = q.constant #q.dense<"1/1000" : tensor<!q.real>>
  %0 = q.mul %x, %s : tensor<1x2x3x!q.fixed<24, 0>>, tensor<!q.real> -> tensor<1x2x3x!q.real>
  %1 = q.prelu %0, %slope : tensor<1x2x3x!q.real>, tensor<2x1x!q.real> -> tensor<1x2x3x!q.real>
  %y = q.quantize %1 floor saturate : tensor<1x2x3x!q.real> -> tensor<1x2x3x!q.fixed<2, 0>>
  func.return %y : tensor<1x2x3x!q.fixed<2, 0>>
}
// MANY:      %thresholds = q.constant #q.dense<{{\[\[}}-4000, 0, 1000], [-1333, 0, 1000]] : tensor<2x3x!q.fixed<24, 0>>>
// MANY-NEXT: %y = q.threshold %x, %thresholds base -2 axis 1

// -----
// A branch that is thresholds of the same integer already is part of the function: hard swish with quantised branches.
func.func @main(%x: tensor<1x2x!q.fixed<3, 0>>) -> tensor<1x2x!q.fixed<4, 0>> {
  %t = q.constant #q.dense<[[-1, 1]] : tensor<1x2x!q.fixed<3, 0>>>
  %s = q.constant #q.dense<"1/3" : tensor<!q.real>>
  %u = q.constant #q.dense<"3" : tensor<!q.real>>
  %0 = q.threshold %x, %t base 0 : tensor<1x2x!q.fixed<3, 0>>, tensor<1x2x!q.fixed<3, 0>> -> tensor<1x2x!q.ufixed<2, 0>>
  %1 = q.mul %x, %s : tensor<1x2x!q.fixed<3, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %2 = q.mul %0, %u : tensor<1x2x!q.ufixed<2, 0>>, tensor<!q.real> -> tensor<1x2x!q.real>
  %3 = q.mul %1, %2 : tensor<1x2x!q.real>, tensor<1x2x!q.real> -> tensor<1x2x!q.real>
  %y = q.quantize %3 half_even saturate : tensor<1x2x!q.real> -> tensor<1x2x!q.fixed<4, 0>>
  func.return %y : tensor<1x2x!q.fixed<4, 0>>
}
// CHECK:      [[T:%.*]] = q.constant #q.dense<{{\[\[}}0, 0, 0, -1, 0, 2, 4, 6]]
// CHECK-NEXT: q.table %x, [[T]] base -4
