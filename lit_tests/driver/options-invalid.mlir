// RUN: qopt %s -p q-steamline --verify-diagnostics | filecheck %s --check-prefix=PASS
// RUN: qopt %s -p 'q-set-folding{fsp=3}' --verify-diagnostics | filecheck %s --check-prefix=OPTION
// RUN: qopt %s -p 'q-set-folding{fps=fast}' --verify-diagnostics | filecheck %s --check-prefix=NUMBER
// RUN: qopt %s -p 'q-quantize{weight=8}' --verify-diagnostics | filecheck %s --check-prefix=TEXT
// RUN: qopt %s -p 'q-set-input-format' --verify-diagnostics | filecheck %s --check-prefix=NEEDED
// RUN: qopt %s -t verilgo --verify-diagnostics | filecheck %s --check-prefix=TARGET
// RUN: qopt %s -t 'estimate{clock=0}' --verify-diagnostics | filecheck %s --check-prefix=CLOCK
// RUN: qopt %s --shape x=1,4 --verify-diagnostics | filecheck %s --check-prefix=SHAPE

// A pass, an option or a target that is not known comes with the nearest name, or with all that are.
// PASS: error: unknown pass 'q-steamline'
// PASS-NEXT: mend: did you mean 'q-streamline'?
// OPTION: error: the pass 'q-set-folding' has no option 'fsp'
// OPTION-NEXT: mend: did you mean 'fps'?  its options are {{.*}}fps: {{.*}}
// NUMBER: error: the option 'fps' of the pass 'q-set-folding' is fast, not float | int | None
// NUMBER-NEXT: mend: its options are {{.*}}fps: {{.*}}
// TEXT: error: the option 'weight' of the pass 'q-quantize' is 8, not str | None
// TEXT-NEXT: mend: write weight="8"
// NEEDED: error: wrong options for the pass 'q-set-input-format': {{.*}} requires argument "input_format"
// NEEDED-NEXT: mend: its options are input-format: str
// TARGET: error: unknown target 'verilgo'
// TARGET-NEXT: mend: did you mean 'verilog'?
// CLOCK: error: the target 'estimate' has clock=0
// CLOCK-NEXT: mend: give a positive number of hertz
// SHAPE: error: --shape is for .onnx models, '{{.*}}options-invalid.mlir' states its shapes
// SHAPE-NEXT: mend: leave --shape out
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  func.return %x : tensor<1x4xf32>
}
