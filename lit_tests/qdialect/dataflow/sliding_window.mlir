// RUN: qopt %s --split-input-file | qopt - --split-input-file | filecheck %s

// What is usual is not written: strides and dilations of 1, no pads, pads of code 0, the lanes of the input.
// CHECK-LABEL: func.func private @windows
// CHECK-NEXT: %a = dataflow.sliding_window %x image [4, 6, 4] kernel [3, 3] pads [1, 1, 1, 1]
// CHECK-NEXT: %b = dataflow.fifo %a depth 2
// CHECK-NEXT: func.return %b : !dataflow.stream<!q.fixed<4, 0>, lanes = 2, beats = 432>
func.func private @windows(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 2, beats = 48>) -> !dataflow.stream<!q.fixed<4, 0>, lanes = 2, beats = 432> {
  %a = dataflow.sliding_window %x image [4, 6, 4] kernel [3, 3] strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] pad_value 0 lanes 2
  %b = dataflow.fifo %a depth 2
  func.return %b : !dataflow.stream<!q.fixed<4, 0>, lanes = 2, beats = 432>
}

// -----
// Everything else is.
// CHECK: dataflow.sliding_window %x image [4, 6, 4] kernel [3, 2] strides [2, 1] pads [0, 1, 1, 0] dilations [1, 2] pad_value -8 depthwise lanes 4 memory block {note = "by hand"}
func.func private @all(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 2, beats = 48>) -> !dataflow.stream<!q.fixed<4, 0>, lanes = 4, beats = 60> {
  %0 = dataflow.sliding_window %x image [4, 6, 4] kernel [3, 2] strides [2, 1] pads [0, 1, 1, 0] dilations [1, 2] pad_value -8 depthwise lanes 4 memory block {note = "by hand"}
  func.return %0 : !dataflow.stream<!q.fixed<4, 0>, lanes = 4, beats = 60>
}

// -----
// In one dimension: a kernel of one row.
// CHECK: dataflow.sliding_window %x image [1, 8, 1] kernel [1, 3] strides [1, 2] pad_value -1
func.func private @one_dimension(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 8>) -> !dataflow.stream<!q.bipolar, lanes = 1, beats = 9> {
  %0 = dataflow.sliding_window %x image [1, 8, 1] kernel [1, 3] strides [1, 2] pad_value -1
  func.return %0 : !dataflow.stream<!q.bipolar, lanes = 1, beats = 9>
}

// -----
// Whole windows of two pixels of a row; with stride 2 the beats taken are four pixels.
// CHECK: dataflow.sliding_window %x image [4, 8, 2] kernel [2, 2] strides [2, 2] pixels 2
func.func private @pixels(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 8, beats = 8>) -> !dataflow.stream<!q.fixed<4, 0>, lanes = 16, beats = 4> {
  %0 = dataflow.sliding_window %x image [4, 8, 2] kernel [2, 2] strides [2, 2] pixels 2
  func.return %0 : !dataflow.stream<!q.fixed<4, 0>, lanes = 16, beats = 4>
}
