// RUN: qopt %s -p 'q-share-weights{granularity=kernal}' --verify-diagnostics | filecheck %s
// RUN: qopt %s -p 'q-share-weights{k=0}' --verify-diagnostics | filecheck %s --check-prefix=NONE
// RUN: qopt %s -p 'q-share-weights{format="fixed<8, 2>"}' --verify-diagnostics | filecheck %s --check-prefix=FINE
// RUN: qopt %s -p 'q-share-weights{format="bipolar"}' --verify-diagnostics | filecheck %s --check-prefix=SIGNS
// RUN: qopt %s -p 'q-share-weights{layers="dens*"}' --verify-diagnostics | filecheck %s --check-prefix=NAME
// RUN: qopt %s -p 'q-share-weights{weighting=inputs}' --verify-diagnostics | filecheck %s --check-prefix=DATA
// RUN: qopt %s -p 'q-share-weights{rounding=reconstruct}' --verify-diagnostics | filecheck %s --check-prefix=ROUND
// RUN: qopt %s -p 'q-share-weights{k=4 specification="a.spec"}' --verify-diagnostics | filecheck %s --check-prefix=TWICE
// RUN: qopt %s -p 'q-share-weights{weighting=outputs}' --verify-diagnostics | filecheck %s --check-prefix=WEIGH

// Each mistake in the options is told with what to write instead.
func.func @main(%x: tensor<1x2x!q.fixed<4, 0>>) -> tensor<1x1x!q.fixed<7, 0>> {
  %w = q.constant #q.dense<[[3], [-1]] : tensor<2x1x!q.fixed<4, 0>>>
  %y = q.matmul %x, %w : tensor<1x2x!q.fixed<4, 0>>, tensor<2x1x!q.fixed<4, 0>> -> tensor<1x1x!q.fixed<7, 0>>
  func.return %y : tensor<1x1x!q.fixed<7, 0>>
}
// CHECK:       error: unknown granularity 'kernal'
// CHECK-NEXT:  mend: use one of network, layer, channel, kernel
// NONE:        error: q-share-weights has k=0
// NONE-NEXT:   mend: share 1 to 65536 values
// FINE:        error: codebook values of !q.fixed<8, 2> have more fraction bits than the weights, which are !q.fixed<4, 0>
// FINE-NEXT:   at: {{.*}}:14:3
// FINE-NEXT:   mend: ask for at most 0 fraction bits, as in fixed<8, 0>
// SIGNS:       error: unknown format 'bipolar':
// SIGNS:       mend: {{.*}}fixed
// NAME:        error: no layer with weights is called 'dens*'
// NAME-NEXT:   mend: the nearest are y
// DATA:        error: weighting=inputs needs data
// DATA-NEXT:   mend: write q-share-weights{weighting=inputs data="x.npz"}
// WEIGH:       error: unknown weighting 'outputs'
// WEIGH-NEXT:  mend: use one of none, inputs
// ROUND:       error: rounding=reconstruct needs data
// ROUND-NEXT:  mend: write q-share-weights{rounding=reconstruct data="x.npz"}
// TWICE:       error: the pass 'q-share-weights' has 'specification' and 'k'
// TWICE-NEXT:  mend: say it in the specification
