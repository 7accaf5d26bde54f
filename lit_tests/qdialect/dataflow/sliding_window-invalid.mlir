// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s

// The frame is the image.
// CHECK: error: dataflow.sliding_window takes an image of 4 x 4 x 2 elements, but a frame of its input has 48
// CHECK-NEXT: at: {{.*}}sliding_window-invalid.mlir:8:3
// CHECK-NEXT: mend: make both equal
func.func private @frame(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 48>) {
  %y = dataflow.sliding_window %x image [4, 4, 2] kernel [2, 2]
  func.return
}

// -----
// A beat does not reach from pixel to pixel.
// CHECK: error: dataflow.sliding_window has 4 lanes, which do not divide the 2 channels
// CHECK: mend: choose one of 1, 2
func.func private @lanes(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 4, beats = 8>) {
  %y = dataflow.sliding_window %x image [4, 4, 2] kernel [2, 2]
  func.return
}

// -----
// Padding is a code of the stream: bipolar has no zero.
// CHECK: error: dataflow.sliding_window pads with the code 0, which !q.bipolar cannot hold
// CHECK: mend: write pad_value with a code that it holds
func.func private @pad_value(%x: !dataflow.stream<!q.bipolar, lanes = 1, beats = 16>) {
  %y = dataflow.sliding_window %x image [4, 4, 1] kernel [3, 3] pads [1, 1, 1, 1]
  func.return
}

// -----
// The window fits the padded image.
// CHECK: error: dataflow.sliding_window has a window of [5, 5] on a padded input of [4, 4]
func.func private @window(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>) {
  %y = dataflow.sliding_window %x image [4, 4, 1] kernel [3, 3] dilations [2, 2]
  func.return
}

// -----
// One stride an axis.
// CHECK: error: dataflow.sliding_window has strides [2]
func.func private @strides(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>) {
  %y = dataflow.sliding_window %x image [4, 4, 1] kernel [3, 3] strides [2]
  func.return
}

// -----
// Two axes and channels.
// CHECK: error: dataflow.sliding_window takes image [rows, columns, channels], kernel [rows, columns], not [16], [3]
func.func private @axes(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>) {
  %y = dataflow.sliding_window %x image [16] kernel [3]
  func.return
}

// -----
// The result has all windows.
// CHECK: error: dataflow.sliding_window makes !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 36>, not !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 35>
// CHECK: mend: write !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 36>
func.func private @type(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>) {
  %y = "dataflow.sliding_window"(%x) <{image = array<i64: 4, 4, 1>, kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, pad_value = 0 : i64}> : (!dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>) -> !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 35>
  func.return
}

// -----
// So many windows are no part of a row; what is, is named.
// CHECK: error: dataflow.sliding_window makes 3 of the 4 windows of a row at once
// CHECK: mend: choose pixels from 1, 2, 4
func.func private @pixels(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>) {
  %y = dataflow.sliding_window %x image [4, 4, 1] kernel [3, 3] pads [1, 1, 1, 1] pixels 3
  func.return
}

// -----
// More padding than the kernel reaches over makes more windows than the image has pixels.
// CHECK: error: dataflow.sliding_window makes 1 of the 8 windows of a row at once
// CHECK: mend: write lanes: padding is wider than the kernel
func.func private @wide_padding(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>) {
  %y = dataflow.sliding_window %x image [4, 4, 1] kernel [1, 1] pads [2, 2, 2, 2] pixels 1
  func.return
}

// -----
// Whole windows have no channel groups.
// CHECK: error: dataflow.sliding_window makes whole windows (pixels), not channel groups (depthwise)
// CHECK: mend: remove one word
func.func private @depthwise(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>) {
  %y = dataflow.sliding_window %x image [4, 4, 1] kernel [2, 2] depthwise pixels 1
  func.return
}

// -----
// The fault is named where the number stands, not where a frame of the stream behind it has too few elements.
// CHECK: error: dataflow.sliding_window makes 7 of the 4 windows of a row at once
// CHECK: mend: choose pixels from 1, 2, 4
// CHECK-NOT: error:
func.func private @pixels_beyond_a_row(%x: !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 16>) {
  %y = dataflow.sliding_window %x image [4, 4, 1] kernel [3, 3] pads [1, 1, 1, 1] pixels 7
  %z = dataflow.width_converter %y lanes 1
  func.return
}
