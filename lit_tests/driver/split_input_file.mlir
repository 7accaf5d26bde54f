// RUN: not qopt %s --split-input-file 2>&1 >/dev/null | filecheck %s
// RUN: qopt %s --split-input-file --verify-diagnostics | filecheck %s --check-prefix=OUT

// An op that is not known is refused at its own line of the whole file, with the nearest name.
// CHECK: error: there is no op 'func.retrun'
// CHECK-NEXT: at: {{.*}}split_input_file.mlir:{{[0-9]+}}:3
// CHECK-NEXT: {{^ *}}func.retrun
// CHECK: mend: did you mean 'func.return'?
// OUT: error: there is no op 'func.retrun'
func.func @a() {
  func.retrun
}

// -----
// The part behind it is processed all the same; a separator in a comment, // -----, divides nothing.
// OUT: {{^// -----$}}
// OUT-NEXT: builtin.module {
// OUT-NEXT: func.func @b()
func.func @b() {
  func.return
}
