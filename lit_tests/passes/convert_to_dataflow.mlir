// RUN: qopt %s -p q-convert-to-dataflow --split-input-file | filecheck %s

// A product with its bias, thresholds, a requantiser and arg-max become units; reshapes vanish; the host sends and receives.
func.func @main(%x: tensor<1x4x!q.fixed<4, 0>> {q.name = "x"}) -> (tensor<1x!q.ufixed<1, 0>> {q.name = "y"}) {
  %0 = func.call @hardware(%x) : (tensor<1x4x!q.fixed<4, 0>>) -> tensor<1x!q.ufixed<1, 0>>
  func.return %0 : tensor<1x!q.ufixed<1, 0>>
}
func.func private @hardware(%x: tensor<1x4x!q.fixed<4, 0>> {q.name = "x"}) -> (tensor<1x!q.ufixed<1, 0>> {q.name = "y"}) {
  %w = q.constant #q.dense<[[1, 2, 3], [0, -1, 1], [1, 1, -1], [0, 0, 1]] : tensor<4x3x!q.fixed<3, 0>>>
  %b = q.constant #q.dense<[1, 2, 3] : tensor<3x!q.fixed<3, 0>>>
  %t = q.constant #q.dense<[[-3, 4]] : tensor<1x2x!q.fixed<8, 0>>>
  %v = q.constant #q.dense<[[1, 2], [0, -1], [1, -1]] : tensor<3x2x!q.fixed<3, 0>>>
  %m = q.constant #q.dense<[3, 5] : tensor<2x!q.fixed<4, 3>>>
  %c = q.constant #q.dense<3 : tensor<!q.fixed<4, 1>>>
  %a = q.matmul %x, %w : tensor<1x4x!q.fixed<4, 0>>, tensor<4x3x!q.fixed<3, 0>> -> tensor<1x3x!q.fixed<7, 0>> loc("MatMul_0")
  %p = q.add %a, %b : tensor<1x3x!q.fixed<7, 0>>, tensor<3x!q.fixed<3, 0>> -> tensor<1x3x!q.fixed<8, 0>> loc("Add_1")
  %h = q.threshold %p, %t base -1 : tensor<1x3x!q.fixed<8, 0>>, tensor<1x2x!q.fixed<8, 0>> -> tensor<1x3x!q.fixed<2, 0>> loc("Quant_2")
  %r = q.reshape %h : tensor<1x3x!q.fixed<2, 0>> -> tensor<3x!q.fixed<2, 0>>
  %d = q.matmul %r, %v : tensor<3x!q.fixed<2, 0>>, tensor<3x2x!q.fixed<3, 0>> -> tensor<2x!q.fixed<5, 0>> loc("MatMul_3")
  %e = q.mul %d, %m : tensor<2x!q.fixed<5, 0>>, tensor<2x!q.fixed<4, 3>> -> tensor<2x!q.fixed<8, 3>> loc("Mul_4")
  %f = q.add %e, %c : tensor<2x!q.fixed<8, 3>>, tensor<!q.fixed<4, 1>> -> tensor<2x!q.fixed<9, 3>> loc("Add_5")
  %g = q.quantize %f half_even saturate narrow : tensor<2x!q.fixed<9, 3>> -> tensor<2x!q.fixed<4, 1>> loc("Quant_6")
  %s = q.reshape %g : tensor<2x!q.fixed<4, 1>> -> tensor<1x2x!q.fixed<4, 1>>
  %i = q.arg_max %s axis 1 : tensor<1x2x!q.fixed<4, 1>> -> tensor<1x!q.ufixed<1, 0>> loc("ArgMax_7")
  func.return %i : tensor<1x!q.ufixed<1, 0>>
}
// CHECK:      func.func @main(%x: tensor<1x4x!q.fixed<4, 0>> {q.name = "x"}) -> (tensor<1x!q.ufixed<1, 0>> {q.name = "y"}) {
// CHECK-NEXT: %0 = dataflow.send %x lanes 1
// CHECK-NEXT: %1 = func.call @hardware(%0) : (!dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 4>) -> !dataflow.stream<!q.ufixed<1, 0>, lanes = 1, beats = 1>
// CHECK-NEXT: %2 = dataflow.receive %1 -> tensor<1x!q.ufixed<1, 0>>
// CHECK-NEXT: func.return %2
// CHECK:      func.func private @hardware(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 4> {q.name = "x"}) -> (!dataflow.stream<!q.ufixed<1, 0>, lanes = 1, beats = 1> {q.name = "y"}) {
// CHECK-NEXT: %w = q.constant #q.dense<{{\[\[}}1, 0, 1, 0], [2, -1, 1, 0], [3, 1, -1, 1]] : tensor<3x4x!q.fixed<3, 0>>>
// CHECK-NEXT: %bias = q.constant #q.dense<[1, 2, 3] : tensor<3x!q.ufixed<2, 0>>>
// CHECK-NEXT: %p = dataflow.matrix_vector %x, %w bias %bias pe 1 simd 1 -> !q.fixed<8, 0> loc("MatMul_0")
// CHECK-NEXT: %t = q.constant
// CHECK-NEXT: %h = dataflow.threshold %p, %t base -1 -> !q.fixed<2, 0> loc("Quant_2")
// CHECK-NEXT: %v = q.constant #q.dense<{{\[\[}}1, 0, 1], [2, -1, -1]] : tensor<2x3x!q.fixed<3, 0>>>
// CHECK-NEXT: %d = dataflow.matrix_vector %h, %v pe 1 simd 1 -> !q.fixed<5, 0> loc("MatMul_3")
// CHECK-NEXT: %multiplier = q.constant #q.dense<[3, 5] : tensor<2x!q.ufixed<3, 0>>>
// CHECK-NEXT: %addend = q.constant #q.dense<[12] : tensor<1x!q.ufixed<4, 0>>>
// CHECK-NEXT: %g = dataflow.requantize %d, %multiplier, %addend shift 2 half_even clip <-7, 7> -> !q.fixed<4, 1> loc("Quant_6")
// CHECK-NEXT: %i = dataflow.arg_max %g loc("ArgMax_7")
// CHECK-NEXT: func.return %i

// -----
// Bipolar inputs and weights stay bipolar; a proven range that the types do not give goes along.
func.func private @hardware(%x: tensor<2x2x!q.bipolar>) -> tensor<2x1x!q.fixed<2, 0>> {
  %w = q.constant #q.dense<[[1], [-1]] : tensor<2x1x!q.bipolar>>
  %a = q.matmul %x, %w range <-2, 1> : tensor<2x2x!q.bipolar>, tensor<2x1x!q.bipolar> -> tensor<2x1x!q.fixed<2, 0>>
  func.return %a : tensor<2x1x!q.fixed<2, 0>>
}
// CHECK:      func.func private @hardware(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 4>)
// CHECK-NEXT: %w = q.constant #q.dense<{{\[\[}}1, -1]] : tensor<1x2x!q.bipolar>>
// CHECK-NEXT: %a = dataflow.matrix_vector %x, %w pe 1 simd 1 range <-2, 1> -> !q.fixed<2, 0>

// -----
// A constant on the left of a column, and a transposition that moves no element.
func.func private @hardware(%x: tensor<1x2x!q.fixed<2, 0>>) -> tensor<1x1x!q.fixed<3, 0>> {
  %w = q.constant #q.dense<[[1, -1]] : tensor<1x2x!q.fixed<2, 0>>>
  %t = q.transpose %x perm [1, 0] : tensor<1x2x!q.fixed<2, 0>> -> tensor<2x1x!q.fixed<2, 0>>
  %a = q.matmul %w, %t : tensor<1x2x!q.fixed<2, 0>>, tensor<2x1x!q.fixed<2, 0>> -> tensor<1x1x!q.fixed<3, 0>>
  func.return %a : tensor<1x1x!q.fixed<3, 0>>
}
// CHECK:      %w = q.constant #q.dense<{{\[\[}}1, -1]] : tensor<1x2x!q.fixed<2, 0>>>
// CHECK-NEXT: %a = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<3, 0>

// -----
// A bias with more fraction bits than the sums goes to the requantiser; without a quantiser it keeps every bit.
func.func private @hardware(%x: tensor<2x!q.fixed<2, 0>>) -> tensor<1x!q.fixed<4, 1>> {
  %w = q.constant #q.dense<[[1], [-1]] : tensor<2x1x!q.fixed<2, 0>>>
  %b = q.constant #q.dense<[1] : tensor<1x!q.fixed<2, 1>>>
  %a = q.matmul %x, %w : tensor<2x!q.fixed<2, 0>>, tensor<2x1x!q.fixed<2, 0>> -> tensor<1x!q.fixed<3, 0>>
  %y = q.add %a, %b : tensor<1x!q.fixed<3, 0>>, tensor<1x!q.fixed<2, 1>> -> tensor<1x!q.fixed<4, 1>>
  func.return %y : tensor<1x!q.fixed<4, 1>>
}
// CHECK:      dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<3, 0>
// CHECK-NEXT: %multiplier = q.constant #q.dense<[2] : tensor<1x!q.ufixed<2, 0>>>
// CHECK-NEXT: %addend = q.constant #q.dense<[1] : tensor<1x!q.ufixed<1, 0>>>
// CHECK-NEXT: dataflow.requantize %{{.*}}, %multiplier, %addend shift 0 floor clip <-8, 7> -> !q.fixed<4, 1>

// -----
// Wrapping that cannot happen is no wrapping.
func.func private @hardware(%x: tensor<1x!q.fixed<3, 0>>) -> tensor<1x!q.fixed<3, 0>> {
  %y = q.quantize %x floor wrap : tensor<1x!q.fixed<3, 0>> -> tensor<1x!q.fixed<3, 0>>
  func.return %y : tensor<1x!q.fixed<3, 0>>
}
// CHECK: dataflow.requantize %x, %multiplier, %addend shift 0 floor clip <-4, 3> -> !q.fixed<3, 0>

// -----
// Hardware that is a chain of units already stays as it is.
func.func private @hardware(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 4>) -> !dataflow.stream<!q.bipolar, lanes = 1, beats = 4> {
  %y = dataflow.fifo %x depth 2
  func.return %y : !dataflow.stream<!q.bipolar, lanes = 1, beats = 4>
}
// CHECK:      func.func private @hardware(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 4>)
// CHECK-NEXT: dataflow.fifo %x depth 2

// -----
// A border is made by the windows of the layer behind it; windows of a depthwise layer come channel by channel; a bias
// goes along; a pool of the whole image needs no windows.
func.func private @hardware(%x: tensor<1x3x4x2x!q.fixed<3, 0>>) -> tensor<1x1x1x2x!q.fixed<3, 0>> {
  %one = q.constant #q.dense<1 : tensor<!q.fixed<3, 0>>>
  %w = q.constant #q.dense<[[[[1, 2]], [[3, -1]]], [[[0, 1]], [[1, 1]]]] : tensor<2x2x1x2x!q.fixed<3, 0>>>
  %b = q.constant #q.dense<[5, -5] : tensor<2x!q.fixed<4, 0>>>
  %d = q.constant #q.dense<[[[[1], [2]]], [[[-1], [1]]]] : tensor<2x1x2x1x!q.fixed<3, 0>>>
  %p = q.pad %x, %one low [0, 0, 1, 0] high [0, 0, 0, 0] : tensor<1x3x4x2x!q.fixed<3, 0>>, tensor<!q.fixed<3, 0>> -> tensor<1x3x5x2x!q.fixed<3, 0>>
  %c = q.conv %p, %w strides [2, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 channels_last : tensor<1x3x5x2x!q.fixed<3, 0>>, tensor<2x2x1x2x!q.fixed<3, 0>> -> tensor<1x2x4x2x!q.fixed<6, 0>>
  %s = q.add %c, %b : tensor<1x2x4x2x!q.fixed<6, 0>>, tensor<2x!q.fixed<4, 0>> -> tensor<1x2x4x2x!q.fixed<7, 0>>
  %q = q.quantize %s floor saturate : tensor<1x2x4x2x!q.fixed<7, 0>> -> tensor<1x2x4x2x!q.fixed<3, 0>>
  %e = q.conv %q, %d strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 2 channels_last : tensor<1x2x4x2x!q.fixed<3, 0>>, tensor<2x1x2x1x!q.fixed<3, 0>> -> tensor<1x1x4x2x!q.fixed<5, 0>>
  %f = q.quantize %e floor saturate : tensor<1x1x4x2x!q.fixed<5, 0>> -> tensor<1x1x4x2x!q.fixed<3, 0>>
  %m = q.max_pool %f kernel [1, 4] strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] channels_last : tensor<1x1x4x2x!q.fixed<3, 0>> -> tensor<1x1x1x2x!q.fixed<3, 0>>
  func.return %m : tensor<1x1x1x2x!q.fixed<3, 0>>
}
// CHECK:      %[[W:.*]] = dataflow.sliding_window %x image [3, 4, 2] kernel [1, 2] strides [2, 1] pads [0, 1, 0, 0] pad_value 1
// CHECK-NEXT: %w = q.constant #q.dense<{{\[\[}}1, 3, 2, -1], [0, 1, 1, 1]] : tensor<2x4x!q.fixed<3, 0>>>
// CHECK:      dataflow.matrix_vector %[[W]], %w bias %bias pe 1 simd 1 -> !q.fixed<7, 0>
// CHECK:      dataflow.requantize
// CHECK-NEXT: %[[D:.*]] = dataflow.sliding_window {{.*}} image [2, 4, 2] kernel [2, 1] depthwise
// CHECK-NEXT: %d = q.constant #q.dense<{{\[\[}}1, 2], [-1, 1]] : tensor<2x2x!q.fixed<3, 0>>>
// CHECK-NEXT: dataflow.depthwise %[[D]], %d -> !q.fixed<5, 0>
// CHECK:      %m = dataflow.max_pool %f taps 4 channels 2

// -----
// Channels around those of each pixel are a border, too: of rows of channels, in groups as large as they divide all.
func.func private @hardware(%x: tensor<1x2x3x4x!q.fixed<3, 0>>) -> tensor<1x2x4x8x!q.fixed<3, 0>> {
  %one = q.constant #q.dense<1 : tensor<!q.fixed<3, 0>>>
  %p = q.pad %x, %one low [0, 0, 1, 2] high [0, 0, 0, 2] : tensor<1x2x3x4x!q.fixed<3, 0>>, tensor<!q.fixed<3, 0>> -> tensor<1x2x4x8x!q.fixed<3, 0>>
  func.return %p : tensor<1x2x4x8x!q.fixed<3, 0>>
}
// CHECK:      %[[P:.*]] = dataflow.sliding_window %x image [2, 3, 4] kernel [1, 1] pads [0, 1, 0, 0] pad_value 1
// CHECK-NEXT: %[[C:.*]] = dataflow.sliding_window %[[P]] image [8, 2, 2] kernel [1, 1] pads [0, 1, 0, 1] pad_value 1
// CHECK-NEXT: func.return %[[C]]

// -----
// Branches join in one unit; groups that are not depthwise get zeros as weights; a kernel of one needs no windows.
func.func private @hardware(%x: tensor<1x2x2x4x!q.fixed<2, 0>>) -> tensor<1x2x2x4x!q.fixed<5, 0>> {
  %w = q.constant #q.dense<[[[[1]], [[-1]]], [[[1]], [[1]]]] : tensor<2x2x1x1x!q.fixed<2, 0>>>
  %c = q.conv %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 2 channels_last : tensor<1x2x2x4x!q.fixed<2, 0>>, tensor<2x2x1x1x!q.fixed<2, 0>> -> tensor<1x2x2x2x!q.fixed<4, 0>>
  %j = q.concat %c, %c axis 3 : tensor<1x2x2x2x!q.fixed<4, 0>>, tensor<1x2x2x2x!q.fixed<4, 0>> -> tensor<1x2x2x4x!q.fixed<4, 0>>
  %y = q.add %j, %x : tensor<1x2x2x4x!q.fixed<4, 0>>, tensor<1x2x2x4x!q.fixed<2, 0>> -> tensor<1x2x2x4x!q.fixed<5, 0>>
  func.return %y : tensor<1x2x2x4x!q.fixed<5, 0>>
}
// CHECK:      %w = q.constant #q.dense<{{\[\[}}1, -1, 0, 0], [0, 0, 1, 1]] : tensor<2x4x!q.fixed<2, 0>>>
// CHECK-NEXT: %c = dataflow.matrix_vector %x, %w pe 1 simd 1 -> !q.fixed<4, 0>
// CHECK-NEXT: %j = dataflow.concat %c, %c channels [2, 2] -> !q.fixed<4, 0>
// CHECK-NEXT: %y = dataflow.add %j, %x -> !q.fixed<5, 0>

// -----
// Nearest resizing of rows and of columns is one unit; a table has an entry for every code of its stream, and for each
// element in front of which other axes vary.
func.func private @hardware(%x: tensor<1x2x3x2x!q.ufixed<2, 0>>) -> tensor<1x4x9x2x!q.fixed<3, 0>> {
  %r = q.gather %x indices [0, 0, 1, 1] axis 1 : tensor<1x2x3x2x!q.ufixed<2, 0>> -> tensor<1x4x3x2x!q.ufixed<2, 0>>
  %c = q.gather %r indices [0, 0, 0, 1, 1, 1, 2, 2, 2] axis 2 : tensor<1x4x3x2x!q.ufixed<2, 0>> -> tensor<1x4x9x2x!q.ufixed<2, 0>>
  %t = q.constant #q.dense<[[1, -1]] : tensor<1x2x!q.fixed<2, 0>>>
  %u = q.constant #q.dense<[[3], [1], [2], [1], [0], [-1], [-2], [-3], [-4]] : tensor<9x1x!q.fixed<3, 0>>>
  %a = q.table %c, %t base 1 : tensor<1x4x9x2x!q.ufixed<2, 0>>, tensor<1x2x!q.fixed<2, 0>> -> tensor<1x4x9x2x!q.fixed<2, 0>>
  %y = q.table %a, %u base 0 axis 2 : tensor<1x4x9x2x!q.fixed<2, 0>>, tensor<9x1x!q.fixed<3, 0>> -> tensor<1x4x9x2x!q.fixed<3, 0>>
  func.return %y : tensor<1x4x9x2x!q.fixed<3, 0>>
}
// CHECK:      %c = dataflow.upsample %x image [2, 3, 2] factors [2, 3]
// CHECK-NEXT: %t = q.constant #q.dense<{{\[\[}}1, 1, -1, -1]] : tensor<1x4x!q.fixed<2, 0>>>
// CHECK-NEXT: %a = dataflow.table %c, %t
// CHECK-NEXT: %u = q.constant {{.*}} : tensor<18x4x!q.fixed<3, 0>>>
// CHECK-NEXT: %y = dataflow.table %a, %u

// -----
// A border of zeros around a bipolar image takes a second bit in depthwise units.
func.func private @hardware(%x: tensor<1x2x2x1x!q.bipolar>) -> tensor<1x2x2x1x!q.fixed<5, 0>> {
  %w = q.constant #q.dense<[[[[1, -1, 1], [1, 1, 1], [-1, -1, 1]]]] : tensor<1x1x3x3x!q.bipolar>>
  %y = q.conv %x, %w strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 channels_last : tensor<1x2x2x1x!q.bipolar>, tensor<1x1x3x3x!q.bipolar> -> tensor<1x2x2x1x!q.fixed<5, 0>>
  func.return %y : tensor<1x2x2x1x!q.fixed<5, 0>>
}
// CHECK: %[[T:.*]] = dataflow.requantize %x, {{.*}} -> !q.fixed<2, 0>
// CHECK: dataflow.sliding_window %[[T]] image [2, 2, 1] kernel [3, 3] pads [1, 1, 1, 1]

// -----
// Else it is a border of -1, and what the sums then lack is a bias by place: here of one row and one column each.
func.func private @hardware(%x: tensor<1x2x4x1x!q.bipolar>) -> tensor<1x2x4x2x!q.fixed<5, 0>> {
  %w = q.constant #q.dense<[[[[1, -1, 1], [1, 1, 1], [-1, -1, 1]]], [[[1, 1, 1], [1, 1, 1], [-1, -1, 1]]]] : tensor<2x1x3x3x!q.bipolar>>
  %y = q.conv %x, %w strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 channels_last : tensor<1x2x4x1x!q.bipolar>, tensor<2x1x3x3x!q.bipolar> -> tensor<1x2x4x2x!q.fixed<5, 0>>
  func.return %y : tensor<1x2x4x2x!q.fixed<5, 0>>
}
// CHECK: %[[W:.*]] = dataflow.sliding_window %x image [2, 4, 1] kernel [3, 3] pads [1, 1, 1, 1] pad_value -1
// CHECK: %[[B:.*]] = q.constant #q.dense<{{\[\[\[}}1, 3], [1, 3], [3, 5]], {{\[\[}}1, 1], [-1, -1], [1, 1]]] : tensor<2x3x2x!q.fixed<4, 0>>>
// CHECK: dataflow.matrix_vector %[[W]], %{{.*}} bias %[[B]] rows [1, 1] columns [1, 2, 1] pe 1 simd 1 -> !q.fixed<5, 0>

// -----

// Heads of several sizes behind each other: a part of the frame counts as a pixel.
// CHECK: dataflow.concat %x, %x channels [6, 6]
func.func private @hardware(%x: tensor<1x6x!q.fixed<3, 0>>) -> tensor<1x6x2x!q.fixed<3, 0>> {
  %y = q.reshape %x : tensor<1x6x!q.fixed<3, 0>> -> tensor<1x3x2x!q.fixed<3, 0>>
  %z = q.concat %y, %y axis 1 : tensor<1x3x2x!q.fixed<3, 0>>, tensor<1x3x2x!q.fixed<3, 0>> -> tensor<1x6x2x!q.fixed<3, 0>>
  func.return %z : tensor<1x6x2x!q.fixed<3, 0>>
}

// -----
// Differences and products of branches; what a branch repeats is said in runs of its elements.
func.func private @hardware(%x: tensor<1x2x2x4x!q.fixed<2, 0>>) -> tensor<1x2x2x4x!q.fixed<6, 0>> {
  %g = q.reduce_sum %x axes [1, 2] keep_dims : tensor<1x2x2x4x!q.fixed<2, 0>> -> tensor<1x1x1x4x!q.fixed<4, 0>>
  %p = q.mul %x, %g : tensor<1x2x2x4x!q.fixed<2, 0>>, tensor<1x1x1x4x!q.fixed<4, 0>> -> tensor<1x2x2x4x!q.fixed<6, 0>>
  %y = q.sub %x, %p range <-30, 30> : tensor<1x2x2x4x!q.fixed<2, 0>>, tensor<1x2x2x4x!q.fixed<6, 0>> -> tensor<1x2x2x4x!q.fixed<6, 0>>
  func.return %y : tensor<1x2x2x4x!q.fixed<6, 0>>
}
// CHECK:      %p = dataflow.mul %x, %g repeats [4, 4] -> !q.fixed<6, 0>
// CHECK-NEXT: %y = dataflow.sub %x, %p range <-30, 30> -> !q.fixed<6, 0>

// -----
// A reduction of the channels of each pixel takes their elements one by one, as they come.
func.func private @hardware(%x: tensor<1x2x2x4x!q.fixed<2, 0>>) -> tensor<1x2x2x2x!q.fixed<4, 0>> {
  %s = q.reduce_sum %x axes [3] keep_dims : tensor<1x2x2x4x!q.fixed<2, 0>> -> tensor<1x2x2x1x!q.fixed<4, 0>>
  %m = q.reduce_max %x axes [3] keep_dims : tensor<1x2x2x4x!q.fixed<2, 0>> -> tensor<1x2x2x1x!q.fixed<2, 0>>
  %y = q.concat %s, %m axis 3 : tensor<1x2x2x1x!q.fixed<4, 0>>, tensor<1x2x2x1x!q.fixed<2, 0>> -> tensor<1x2x2x2x!q.fixed<4, 0>>
  func.return %y : tensor<1x2x2x2x!q.fixed<4, 0>>
}
// CHECK:      %s = dataflow.sum_pool %x taps 4 channels 1
// CHECK-NEXT: %m = dataflow.max_pool %x taps 4 channels 1
// CHECK-NEXT: dataflow.concat %s, %m
