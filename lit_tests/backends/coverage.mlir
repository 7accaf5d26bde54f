// RUN: qopt %s -t coverage --split-input-file --verify-diagnostics | filecheck %s

// A network of integers becomes Verilog.
// CHECK:      import    yes
// CHECK-NEXT: executes  yes
// CHECK-NEXT: typed     yes
// CHECK-NEXT: dataflow  yes
// CHECK-NEXT: Verilog   yes
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x2x!q.fixed<7, 0>> {
  %w = q.constant #q.dense<[[1, -1], [2, 3]] : tensor<2x2x!q.fixed<3, 0>>>
  %y = q.matmul %x, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x2x!q.fixed<3, 0>> -> tensor<1x2x!q.fixed<7, 0>>
  func.return %y : tensor<1x2x!q.fixed<7, 0>>
}

// -----

// Float weights stop a network before the typed level; what no quantiser mends is told with them.
// CHECK:      import    yes
// CHECK-NEXT: executes  yes
// CHECK-NEXT: typed     no        the weights of q.matmul are float32, 2 ops; quantise the weights before export; at node
// CHECK:      dataflow  no        q.softmax has no hardware unit yet, node 'Softmax_1',
// CHECK:      Verilog   not tried it has no dataflow level
func.func @main(%x: tensor<1x1xf32> {q.name = "x"}) -> tensor<1x1xf32> {
  %w = q.constant #q.dense<[[0.5]] : tensor<1x1xf32>>
  %0 = q.matmul %x, %w : tensor<1x1xf32>, tensor<1x1xf32> -> tensor<1x1xf32> loc("MatMul_0")
  %1 = q.softmax %0 axis 1 : tensor<1x1xf32> loc("Softmax_1")
  %2 = q.matmul %1, %w : tensor<1x1xf32>, tensor<1x1xf32> -> tensor<1x1xf32> loc("MatMul_2")
  func.return %2 : tensor<1x1xf32>
}

// -----

// Where nothing is known that lasts, the next step waits for the one before.
// CHECK:      typed     no        input 'x' reaches q.matmul without a quantiser,
// CHECK:      dataflow  not tried it is not typed
func.func @main(%x: tensor<1x1xf32> {q.name = "x"}) -> tensor<1x1xf32> {
  %w = q.constant #q.dense<[[3]] : tensor<1x1x!q.fixed<3, 0>>>
  %0 = q.matmul %x, %w : tensor<1x1xf32>, tensor<1x1x!q.fixed<3, 0>> -> tensor<1x1xf32>
  func.return %0 : tensor<1x1xf32>
}

// -----

// Layers on integers make a network typed, whether they have a unit or not.
// CHECK:      typed     yes
// CHECK-NEXT: dataflow  no        q.conv of [2, 3, 1] has no hardware unit, node 'Conv_0',
func.func @main(%x: tensor<2x1x3x!q.fixed<4, 0>>) -> tensor<2x1x3x!q.fixed<5, 0>> {
  %w = q.constant #q.dense<[[[1]]] : tensor<1x1x1x!q.fixed<2, 0>>>
  %y = q.conv %x, %w strides [1] pads [0, 0] dilations [1] groups 1 : tensor<2x1x3x!q.fixed<4, 0>>, tensor<1x1x1x!q.fixed<2, 0>> -> tensor<2x1x3x!q.fixed<5, 0>> loc("Conv_0")
  func.return %y : tensor<2x1x3x!q.fixed<5, 0>>
}

// -----

// Text that is no IR is a model that cannot be imported.
// CHECK:      import    no        there is no op 'q.sine',
// CHECK:      executes  not tried it is not imported
// CHECK-NEXT: typed     not tried it is not imported
func.func @main(%x: tensor<1xf32>) -> tensor<1xf32> {
  %y = q.sine %x : tensor<1xf32> -> tensor<1xf32>
  func.return %y : tensor<1xf32>
}
