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

%x, %t, %m, %b = "test.op"() : () -> (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<1x2x1x1xi32>, tensor<15xi32>)

// CHECK: ivit.normalized_softmax %x * 3 shift 9 table %t unit 255 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x5xui8>
// GENERIC: "ivit.normalized_softmax"(%x, %t) <{multiplier = 3 : i64, shift = 9 : i64, unit = 255 : i64}>
%2 = ivit.normalized_softmax %x * 3 shift 9 table %t unit 255 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x5xui8>

// CHECK: ivit.normalized_softmax %x heads(%m : tensor<1x2x1x1xi32>) shift 9 table %t unit 15 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x5xui4>
// GENERIC: "ivit.normalized_softmax"(%x, %t, %m) <{shift = 9 : i64, unit = 15 : i64}>
%3 = ivit.normalized_softmax %x heads(%m : tensor<1x2x1x1xi32>) shift 9 table %t unit 15 : (tensor<?x2x5x5xi32>, tensor<256xi32>) -> tensor<?x2x5x5xui4>

// CHECK: ivit.threshold_softmax %x * 3 shift 9 table %t thresholds %b : (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>) -> tensor<?x2x5x5xui4>
// GENERIC: "ivit.threshold_softmax"(%x, %t, %b) <{multiplier = 3 : i64, shift = 9 : i64}>
%4 = ivit.threshold_softmax %x * 3 shift 9 table %t thresholds %b : (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>) -> tensor<?x2x5x5xui4>

// CHECK: ivit.threshold_softmax %x heads(%m : tensor<1x2x1x1xi32>) shift 9 table %t thresholds %b :
// GENERIC: "ivit.threshold_softmax"(%x, %t, %b, %m) <{shift = 9 : i64}>
%5 = ivit.threshold_softmax %x heads(%m : tensor<1x2x1x1xi32>) shift 9 table %t thresholds %b : (tensor<?x2x5x5xi32>, tensor<256xi32>, tensor<15xi32>) -> tensor<?x2x5x5xui4>

%u = "test.op"() : () -> tensor<256xui8>

// CHECK: ivit.softmax %x heads(%m : tensor<1x2x1x1xi32>) shift 9 table %u : (tensor<?x2x5x5xi32>, tensor<256xui8>) -> tensor<?x2x5x5xui8>, tensor<?x2x5x1xi32>
// GENERIC: "ivit.softmax"(%x, %u, %m) <{shift = 9 : i64}>
%6, %7 = ivit.softmax %x heads(%m : tensor<1x2x1x1xi32>) shift 9 table %u : (tensor<?x2x5x5xi32>, tensor<256xui8>) -> tensor<?x2x5x5xui8>, tensor<?x2x5x1xi32>
