// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// ivit.shift_matmul (C1)
// CHECK: Expected attribute ui8 but got i8
%c, %v, %s = "test.op"() : () -> (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>, tensor<16xi8>)
%y = ivit.shift_matmul %c, %v shifts %s : (tensor<?x2x3x4xi8>, tensor<?x2x4x5xi8>, tensor<16xi8>) -> tensor<?x2x3x5xi32>

// -----

// ivit.shift_matmul (C2)
// CHECK: ivit.shift_matmul: operands must be [N, H, rows, columns]
%c, %v, %s = "test.op"() : () -> (tensor<?x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>)
%y = ivit.shift_matmul %c, %v shifts %s : (tensor<?x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>) -> tensor<?x2x3x5xi32>

// -----

// ivit.shift_matmul (C3)
// CHECK: ivit.shift_matmul: operands must share batch and heads
%c, %v, %s = "test.op"() : () -> (tensor<?x1x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>)
%y = ivit.shift_matmul %c, %v shifts %s : (tensor<?x1x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>) -> tensor<?x2x3x5xi32>

// -----

// ivit.shift_matmul (C4)
// CHECK: ivit.shift_matmul: inner dimensions differ: 5 and 4
%c, %v, %s = "test.op"() : () -> (tensor<?x2x3x5xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>)
%y = ivit.shift_matmul %c, %v shifts %s : (tensor<?x2x3x5xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>) -> tensor<?x2x3x5xi32>

// -----

// ivit.shift_matmul (C5)
// CHECK: ivit.shift_matmul: output must have shape [?, 2, 3, 5], got [?, 2, 5, 3]
%c, %v, %s = "test.op"() : () -> (tensor<?x2x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>)
%y = ivit.shift_matmul %c, %v shifts %s : (tensor<?x2x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>) -> tensor<?x2x5x3xi32>

// -----

// ivit.shift_matmul (C6)
// CHECK: ivit.shift_matmul: shifts must have shape [L] with L up to 256, got [257]
%c, %v, %s = "test.op"() : () -> (tensor<?x2x3x4xui8>, tensor<?x2x4x5xi8>, tensor<257xi8>)
%y = ivit.shift_matmul %c, %v shifts %s : (tensor<?x2x3x4xui8>, tensor<?x2x4x5xi8>, tensor<257xi8>) -> tensor<?x2x3x5xi32>

// -----

// ivit.shift_matmul (C7)
// CHECK: ivit.shift_matmul: eta must be a power of two up to 16384, got 3
%c, %v, %s = "test.op"() : () -> (tensor<?x2x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>)
%y = ivit.shift_matmul %c, %v shifts %s eta 3 : (tensor<?x2x3x4xui8>, tensor<?x2x4x5xi8>, tensor<16xi8>) -> tensor<?x2x3x5xi32>
