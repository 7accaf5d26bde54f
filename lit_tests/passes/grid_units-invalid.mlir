// RUN: qopt %s --split-input-file --verify-diagnostics -p q-convert-to-dataflow | filecheck %s

// Channels stand behind rows and columns.
// CHECK: error: q.depth_to_space has its channels first
// CHECK: mend: run q-make-channels-last first
func.func private @hardware(%x: tensor<1x2x4x4x!q.fixed<3, 0>>) -> tensor<1x1x4x8x!q.fixed<3, 0>> {
  %y = q.depth_to_space %x axis 1 axes [2] factors [2] : tensor<1x2x4x4x!q.fixed<3, 0>> -> tensor<1x1x8x4x!q.fixed<3, 0>>
  %z = q.reshape %y : tensor<1x1x8x4x!q.fixed<3, 0>> -> tensor<1x1x4x8x!q.fixed<3, 0>>
  func.return %z : tensor<1x1x4x8x!q.fixed<3, 0>>
}

// -----

// Channels are joined by q.concat, not in turns.
// CHECK: error: q.interleave along the axes [3] of [1, 4, 4, 4] has no hardware unit
// CHECK: mend: merge rows and columns, in this order, of one image a frame; run q-make-channels-last first
func.func private @hardware(%x: tensor<1x4x4x2x!q.fixed<3, 0>>) -> tensor<1x4x4x4x!q.fixed<3, 0>> {
  %y = q.interleave %x, %x axes [3] factors [2] : tensor<1x4x4x2x!q.fixed<3, 0>>, tensor<1x4x4x2x!q.fixed<3, 0>> -> tensor<1x4x4x4x!q.fixed<3, 0>>
  func.return %y : tensor<1x4x4x4x!q.fixed<3, 0>>
}
