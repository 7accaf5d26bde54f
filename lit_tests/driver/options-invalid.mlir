// RUN: qopt %s -p q-steamline --verify-diagnostics | filecheck %s --check-prefix=PASS
// RUN: qopt %s -p 'q-set-folding{fsp=3}' --verify-diagnostics | filecheck %s --check-prefix=OPTION
// RUN: qopt %s -t verilgo --verify-diagnostics | filecheck %s --check-prefix=TARGET
// RUN: qopt %s -t 'estimate{clock=0}' --verify-diagnostics | filecheck %s --check-prefix=CLOCK
// RUN: qopt %s --shape x=1,4 --verify-diagnostics | filecheck %s --check-prefix=SHAPE

// A pass, an option or a target that is not known comes with the nearest name, or with all that are.
// PASS: error: unknown pass 'q-steamline'
// PASS-NEXT: mend: did you mean 'q-streamline'?
// OPTION: error: wrong options for the pass 'q-set-folding'
// OPTION-NEXT: mend: its options are {{.*}}fps: {{.*}}
// TARGET: error: unknown target 'verilgo'
// TARGET-NEXT: mend: did you mean 'verilog'?
// CLOCK: error: the target 'estimate' has clock=0
// CLOCK-NEXT: mend: give a positive number of hertz
// SHAPE: error: --shape is for .onnx models, '{{.*}}options-invalid.mlir' states its shapes
// SHAPE-NEXT: mend: leave --shape out
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  func.return %x : tensor<1x4xf32>
}
