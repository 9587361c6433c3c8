// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// CHECK: invalid.mlir:{{[0-9]+}}: torch.vtensor.literal: a literal of tensor<2xf32> must not have the type !torch.vtensor<[3],f32>
func.func @literal_sizes() {
  %0 = torch.vtensor.literal(dense<0.0> : tensor<2xf32>) : !torch.vtensor<[3],f32>
  return
}

// -----

// CHECK: expected dense<…> or dense_resource<…>
func.func @literal_value() {
  %0 = torch.vtensor.literal(3 : i64) : !torch.vtensor<[],si64>
  return
}

// -----

// CHECK: a dense<…> literal of tensor<1000000x1000000xf32> is too large
func.func @literal_bomb() {
  %0 = torch.vtensor.literal(dense<0.0> : tensor<1000000x1000000xf32>) : !torch.vtensor<[1000000,1000000],f32>
  return
}

// -----

// CHECK: a dense<…> literal of sizes [3] must not have the type tensor<2xf32>
func.func @literal_elements() {
  %0 = torch.vtensor.literal(dense<[1.0, 2.0, 3.0]> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  return
}

// -----

// CHECK: 0x1FFFFFFFF is not the bits of f32
func.func @literal_bits() {
  %0 = torch.vtensor.literal(dense<0x1FFFFFFFF> : tensor<f32>) : !torch.vtensor<[],f32>
  return
}

// -----

// CHECK: torch.constant.int must fit a signed 64-bit integer
func.func @int() {
  %0 = torch.constant.int 9223372036854775808
  return
}

// -----

// CHECK: torch.prim.ListConstruct: a list of !torch.int must not hold !torch.float
func.func @list(%x: !torch.float) {
  %0 = torch.prim.ListConstruct %x : (!torch.float) -> !torch.list<int>
  return
}

// -----

// CHECK: unknown torch type 'matrix'
func.func private @unknown_type(!torch.list<matrix>)

// -----

// CHECK: torch.aten.linear: Expected 3 operands, but got 1
func.func @operands(%x: !torch.vtensor<[4],f32>) {
  %0 = torch.aten.linear %x : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  return
}

// -----

// CHECK: torch.aten.relu: operand 'input' at position 0 does not verify
func.func @operand_type(%x: !torch.int) {
  %0 = torch.aten.relu %x : !torch.int -> !torch.vtensor<[4],f32>
  return
}

// -----

// CHECK: invalid.mlir:{{[0-9]+}}: torch.aten.relu: an operand is used before it is defined
func.func @order(%x: !torch.vtensor<[4],f32>) {
  %0 = torch.aten.relu %1 : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %1 = torch.aten.relu %x : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  return
}

// -----

// CHECK: torch.symbolic_int needs {min_val = …, max_val = …}
func.func @symbol() {
  %0 = torch.symbolic_int "s0" : !torch.int
  return
}

// -----

// CHECK: sizes of a torch.vtensor must not be negative, got -2
func.func private @size(!torch.vtensor<[-2],f32>)

// -----

// CHECK: torch.vtensor.literal: a literal holds a tensor, got vector<2xf32>
func.func @literal_vector() {
  %0 = torch.vtensor.literal(dense<0.0> : vector<2xf32>) : !torch.vtensor<[2],f32>
  return
}

// -----

// CHECK: invalid.mlir:{{[0-9]+}}: torch.aten.permute: dims [0, 3] do not permute the 2 dimensions of !torch.vtensor<[2,3],f32>
func.func @permute_range(%x: !torch.vtensor<[2,3],f32>) {
  %int0 = torch.constant.int 0
  %int3 = torch.constant.int 3
  %0 = torch.prim.ListConstruct %int0, %int3 : (!torch.int, !torch.int) -> !torch.list<int>
  %1 = torch.aten.permute %x, %0 : !torch.vtensor<[2,3],f32>, !torch.list<int> -> !torch.vtensor<[2,3],f32>
  return
}

// -----

// CHECK: torch.aten.permute: dims [-1, 0] of !torch.vtensor<[2,3],f32> do not give !torch.vtensor<[2,3],f32>
func.func @permute_sizes(%x: !torch.vtensor<[2,3],f32>) {
  %int0 = torch.constant.int 0
  %int-1 = torch.constant.int -1
  %0 = torch.prim.ListConstruct %int-1, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %1 = torch.aten.permute %x, %0 : !torch.vtensor<[2,3],f32>, !torch.list<int> -> !torch.vtensor<[2,3],f32>
  return
}

// -----

// CHECK: torch.aten.unsqueeze: 6 elements of !torch.vtensor<[2,3],f32> do not make !torch.vtensor<[1,2,2],f32>
func.func @elements(%x: !torch.vtensor<[2,3],f32>) {
  %int0 = torch.constant.int 0
  %1 = torch.aten.unsqueeze %x, %int0 : !torch.vtensor<[2,3],f32>, !torch.int -> !torch.vtensor<[1,2,2],f32>
  return
}

// -----

// CHECK: torch.aten.view: sizes [2, -1] do not give !torch.vtensor<[3,2],f32>
func.func @view_sizes(%x: !torch.vtensor<[2,3],f32>) {
  %int2 = torch.constant.int 2
  %int-1 = torch.constant.int -1
  %0 = torch.prim.ListConstruct %int2, %int-1 : (!torch.int, !torch.int) -> !torch.list<int>
  %1 = torch.aten.view %x, %0 : !torch.vtensor<[2,3],f32>, !torch.list<int> -> !torch.vtensor<[3,2],f32>
  return
}
