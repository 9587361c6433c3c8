// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

%x8, %x16, %x32, %x64 = "test.op"() : () -> (tensor<?x4xi8>, tensor<?x4xi16>, tensor<?x4xi32>, tensor<?x4xi64>)
%sum, %scale, %offset, %table = "test.op"() : () -> (tensor<?x1xi32>, tensor<4xi32>, tensor<4xi64>, tensor<256xui8>)

// CHECK: ivit.shiftexp %x32 x0 20 n 15 : tensor<?x4xi32> -> tensor<?x4xi32>
// GENERIC: "ivit.shiftexp"(%x32) <{x0 = 20 : i64, n = 15 : i64}> : (tensor<?x4xi32>) -> tensor<?x4xi32>
%0 = ivit.shiftexp %x32 x0 20 n 15 : tensor<?x4xi32> -> tensor<?x4xi32>

// CHECK: ivit.intdiv %x32, %sum bits 16 : (tensor<?x4xi32>, tensor<?x1xi32>) -> tensor<?x4xi32>
// GENERIC: "ivit.intdiv"(%x32, %sum) <{bits = 16 : i64}> : (tensor<?x4xi32>, tensor<?x1xi32>) -> tensor<?x4xi32>
%1 = ivit.intdiv %x32, %sum bits 16 : (tensor<?x4xi32>, tensor<?x1xi32>) -> tensor<?x4xi32>

// CHECK: ivit.isqrt %x64 : tensor<?x4xi64> -> tensor<?x4xi64>
// GENERIC: "ivit.isqrt"(%x64) : (tensor<?x4xi64>) -> tensor<?x4xi64>
%2 = ivit.isqrt %x64 : tensor<?x4xi64> -> tensor<?x4xi64>

// CHECK: ivit.newton_sqrt %x64 : tensor<?x4xi64> -> tensor<?x4xi64>
// GENERIC: "ivit.newton_sqrt"(%x64) : (tensor<?x4xi64>) -> tensor<?x4xi64>
%3 = ivit.newton_sqrt %x64 : tensor<?x4xi64> -> tensor<?x4xi64>

// CHECK: %m, %e = ivit.rsqrt %x64 : tensor<?x4xi64> -> tensor<?x4xi64>, tensor<?x4xi64>
// GENERIC: %m, %e = "ivit.rsqrt"(%x64) : (tensor<?x4xi64>) -> (tensor<?x4xi64>, tensor<?x4xi64>)
%m, %e = ivit.rsqrt %x64 : tensor<?x4xi64> -> tensor<?x4xi64>, tensor<?x4xi64>

// CHECK: %codes, %total = ivit.softmax %x32 * 5 shift 42 table %table : (tensor<?x4xi32>, tensor<256xui8>) -> tensor<?x4xui8>, tensor<?x1xi32>
// GENERIC: %codes, %total = "ivit.softmax"(%x32, %table) <{multiplier = 5 : i64, shift = 42 : i64}> : (tensor<?x4xi32>, tensor<256xui8>) -> (tensor<?x4xui8>, tensor<?x1xi32>)
%codes, %total = ivit.softmax %x32 * 5 shift 42 table %table : (tensor<?x4xi32>, tensor<256xui8>) -> tensor<?x4xui8>, tensor<?x1xi32>

// CHECK: ivit.shiftmax %x8 x0 20 n 15 bits 16 : tensor<?x4xi8> -> tensor<?x4xi16>
// GENERIC: "ivit.shiftmax"(%x8) <{x0 = 20 : i64, n = 15 : i64, bits = 16 : i64}> : (tensor<?x4xi8>) -> tensor<?x4xi16>
%4 = ivit.shiftmax %x8 x0 20 n 15 bits 16 : tensor<?x4xi8> -> tensor<?x4xi16>

// CHECK: ivit.shiftgelu %x8 x0 20 n 23 : tensor<?x4xi8> -> tensor<?x4xi16>
// GENERIC: "ivit.shiftgelu"(%x8) <{x0 = 20 : i64, n = 23 : i64}> : (tensor<?x4xi8>) -> tensor<?x4xi16>
%5 = ivit.shiftgelu %x8 x0 20 n 23 : tensor<?x4xi8> -> tensor<?x4xi16>

// CHECK: ivit.layernorm %x16 * %scale + %offset shift 40 epsilon 12 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
// GENERIC: "ivit.layernorm"(%x16, %scale, %offset) <{shift = 40 : i64, epsilon = 12 : i64}> : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>
%6 = ivit.layernorm %x16 * %scale + %offset shift 40 epsilon 12 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi8>

// CHECK: ivit.i_layernorm %x16 * %scale + %offset shift 40 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi16>
// GENERIC: "ivit.i_layernorm"(%x16, %scale, %offset) <{shift = 40 : i64}> : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi16>
%7 = ivit.i_layernorm %x16 * %scale + %offset shift 40 : (tensor<?x4xi16>, tensor<4xi32>, tensor<4xi64>) -> tensor<?x4xi16>
