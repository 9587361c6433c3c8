// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// ivit.log_int_softmax (C1)
// CHECK: Expected one of i2..i8 but got i16
%x = "test.op"() : () -> (tensor<?x4xi16>)
%y = ivit.log_int_softmax %x x0 4 b 16 c 93 n 8 bits 4 : tensor<?x4xi16> -> tensor<?x4xui8>

// -----

// ivit.log_int_softmax (C2)
// CHECK: ivit.log_int_softmax: input and output must have the same shape, got [?, 4] and [?, 1]
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 4 b 16 c 93 n 8 bits 4 : tensor<?x4xi8> -> tensor<?x1xui8>

// -----

// ivit.log_int_softmax (C3)
// CHECK: ivit.log_int_softmax: x0 must lie in [1, 2^24), got 0
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 0 b 16 c 93 n 8 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.log_int_softmax (C4)
// CHECK: ivit.log_int_softmax: b must lie in [x0 - 1, 2^31), got 2
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 4 b 2 c 93 n 8 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.log_int_softmax (C5)
// CHECK: ivit.log_int_softmax: c must lie in [1, 2^31), got 0
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 4 b 16 c 0 n 8 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.log_int_softmax (C6)
// CHECK: ivit.log_int_softmax: r*(r + b) + c must not be negative for r in (-x0, 0], got -1 for -3
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 4 b 16 c 38 n 8 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.log_int_softmax (C7)
// CHECK: ivit.log_int_softmax: n must lie in [0, 30], got 31
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 4 b 16 c 93 n 31 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.log_int_softmax (C8)
// CHECK: ivit.log_int_softmax: int32 sum may wrap: 4 terms of up to 8192 * 2^16; lower n
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 4 b 16 c 8192 n 16 bits 4 : tensor<?x4xi8> -> tensor<?x4xui8>

// -----

// ivit.log_int_softmax (C9)
// CHECK: ivit.log_int_softmax: bits must lie in [1, 4], got 5
%x = "test.op"() : () -> (tensor<?x4xi8>)
%y = ivit.log_int_softmax %x x0 4 b 16 c 93 n 8 bits 5 : tensor<?x4xi8> -> tensor<?x4xui8>
