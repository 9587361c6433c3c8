// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

%c, %v, %s = "test.op"() : () -> (tensor<?x2x5x5xui8>, tensor<?x2x5x8xi8>, tensor<16xi8>)

// CHECK: ivit.shift_matmul %c, %v shifts %s : (tensor<?x2x5x5xui8>, tensor<?x2x5x8xi8>, tensor<16xi8>) -> tensor<?x2x5x8xi32>
// GENERIC: "ivit.shift_matmul"(%c, %v, %s) : (tensor<?x2x5x5xui8>, tensor<?x2x5x8xi8>, tensor<16xi8>) -> tensor<?x2x5x8xi32>
%0 = ivit.shift_matmul %c, %v shifts %s : (tensor<?x2x5x5xui8>, tensor<?x2x5x8xi8>, tensor<16xi8>) -> tensor<?x2x5x8xi32>

// CHECK: ivit.shift_matmul %c, %v shifts %s eta 16 :
// GENERIC: "ivit.shift_matmul"(%c, %v, %s) <{eta = 16 : i64}>
%1 = ivit.shift_matmul %c, %v shifts %s eta 16 : (tensor<?x2x5x5xui8>, tensor<?x2x5x8xi8>, tensor<16xi8>) -> tensor<?x2x5x8xi32>
