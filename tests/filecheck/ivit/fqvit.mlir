// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

%x8 = "test.op"() : () -> tensor<?x4xi8>

// CHECK: ivit.log_int_softmax %x8 x0 4 b 16 c 93 n 8 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>
// GENERIC: "ivit.log_int_softmax"(%x8) <{x0 = 4 : i64, b = 16 : i64, c = 93 : i64, n = 8 : i64, bits = 4 : i64}> : (tensor<?x4xi8>) -> tensor<?x4xui8>
%0 = ivit.log_int_softmax %x8 x0 4 b 16 c 93 n 8 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>
