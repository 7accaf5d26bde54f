// RUN: qopt %s -p 'q-set-folding{fps=400000000}' --verify-diagnostics | filecheck %s --check-prefix=FPS
// RUN: qopt %s -p 'q-set-folding{fps=150000000}' --verify-diagnostics | filecheck %s --check-prefix=LEAST
// RUN: qopt %s -p 'q-set-folding{cycles=1}' --verify-diagnostics | filecheck %s --check-prefix=CYCLES
// RUN: qopt %s -p 'q-set-folding{max-lut=10}' --verify-diagnostics | filecheck %s --check-prefix=BUDGET
// RUN: qopt %s -p 'q-set-folding{cycles=2 max-lut=40}' --verify-diagnostics | filecheck %s --check-prefix=BOTH
// RUN: qopt %s -p 'q-set-folding{cycles=2 fps=3}' --verify-diagnostics | filecheck %s --check-prefix=TWICE
// RUN: qopt %s -p 'q-set-folding{cycles=8 max-dsp=0 max-bram18=0 max-lut=20}' --verify-diagnostics | filecheck %s --check-prefix=SEVERAL
// RUN: qopt %s -p 'q-set-folding{cycles=0}' --verify-diagnostics | filecheck %s --check-prefix=ZERO

// More than a frame a cycle cannot come out.
// FPS: error: 400000000 frames a second need more than one frame a cycle
// FPS-NEXT: mend: ask for at most fps=200000000, or a faster clock
// Two vectors need two cycles, whatever the folding.
// LEAST: error: dataflow.matrix_vector 'MatMul_0' needs at least 2 cycles a frame, with 4 lanes in and 4 out; the target is 1
// LEAST-NEXT: at: node 'MatMul_0', {{.*}}
// LEAST-NEXT: mend: ask for at most fps=100000000, or a faster clock
// The same in cycles.
// CYCLES: error: dataflow.matrix_vector 'MatMul_0' needs at least 2 cycles a frame, with 4 lanes in and 4 out; the target is 1
// CYCLES-NEXT: at: node 'MatMul_0', {{.*}}
// CYCLES-NEXT: mend: ask for at most cycles=2
// No folding is small enough.
// BUDGET: error: the smallest folding needs about {{[0-9]+}} look-up tables, the budget is 10
// BUDGET-NEXT: at: {{.*}}
// BUDGET-NEXT: mend: allow max-lut={{[0-9]+}}, or reduce word lengths or layers of the network
// The target and the budget cannot both be met; what is possible is named.
// BOTH: error: 2 cycles a frame need about {{[0-9]+}} look-up tables, {{[0-9]+}} of them dataflow.matrix_vector 'MatMul_0'; the budget is 40
// BOTH-NEXT: at: {{.*}}
// BOTH-NEXT: mend: allow max-lut={{[0-9]+}}, or ask for at most cycles={{[0-9]+}}
// Of several budgets, the one that is missed by most is named.
// SEVERAL: error: {{[0-9]+}} cycles a frame need about {{[0-9]+}} look-up tables, {{[0-9]+}} of them dataflow.matrix_vector 'MatMul_0'; the budget is 20
// SEVERAL-NEXT: at: {{.*}}
// SEVERAL-NEXT: mend: allow max-lut={{[0-9]+}}
// Two targets.
// TWICE: error: q-set-folding has both fps and cycles
// TWICE-NEXT: mend: give one of them
// Limits are positive.
// ZERO: error: q-set-folding has cycles=0
// ZERO-NEXT: mend: give a positive number
func.func private @hardware(%x: !dataflow.stream<!q.fixed<2, 0>, lanes = 1, beats = 8>) -> !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 8> {
  %w = q.constant #q.dense<1 : tensor<4x4x!q.fixed<2, 0>>>
  %a = dataflow.matrix_vector %x, %w pe 1 simd 1 regrouped -> !q.fixed<4, 0> loc("MatMul_0")
  func.return %a : !dataflow.stream<!q.fixed<4, 0>, lanes = 1, beats = 8>
}
