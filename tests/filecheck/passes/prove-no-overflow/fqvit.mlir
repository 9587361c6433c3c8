// RUN: ivit-opt %s --prove-no-overflow --verify-diagnostics --split-input-file | filecheck %s

// Rows of log-int-softmax sum to less than 1.5, however long they are.

// CHECK-LABEL: func.func @codes
// CHECK: ivit.shift_matmul
func.func @codes(%x: tensor<?x1x1x2048xi8>, %v: tensor<?x1x2048x1xi8>) -> tensor<?x1x1x1xi32> {
  %s = ivit.constant "s" : tensor<17xi8>
  %c = ivit.log_int_softmax %x x0 4 b 16 c 93 n 8 bits 4 : tensor<?x1x1x2048xi8> -> tensor<?x1x1x2048xui8>
  %a = ivit.shift_matmul %c, %v shifts %s : (tensor<?x1x1x2048xui8>, tensor<?x1x2048x1xi8>, tensor<17xi8>) -> tensor<?x1x1x1xi32>
  func.return %a : tensor<?x1x1x1xi32>
}

{-#
  dialect_resources: {
    builtin: {
      s: "0x400000000F0E0D0C0B0A09080706050403020100FF"
    }
  }
#-}

// -----

// The same codes, but 1 weighs as much as 0.
// CHECK: ivit.shift_matmul %a: its int32 accumulators can reach [-8589934592, 8522825728]; lower all shifts, or take fewer terms
func.func @other_shifts(%x: tensor<?x1x1x2048xi8>, %v: tensor<?x1x2048x1xi8>) -> tensor<?x1x1x1xi32> {
  %s = ivit.constant "s" : tensor<17xi8>
  %c = ivit.log_int_softmax %x x0 4 b 16 c 93 n 8 bits 4 : tensor<?x1x1x2048xi8> -> tensor<?x1x1x2048xui8>
  %a = ivit.shift_matmul %c, %v shifts %s : (tensor<?x1x1x2048xui8>, tensor<?x1x2048x1xi8>, tensor<17xi8>) -> tensor<?x1x1x1xi32>
  func.return %a : tensor<?x1x1x1xi32>
}

{-#
  dialect_resources: {
    builtin: {
      s: "0x400000000F0F0D0C0B0A09080706050403020100FF"
    }
  }
#-}

// -----

// CHECK: ivit.l1_layernorm %y: scale 2147483648 and offset 9223372036854775808 can wrap 64 bits; the values of its scale and offset
func.func @l1(%x: tensor<?x2xi16>, %m: tensor<2xi32>, %b: tensor<2xi64>) -> tensor<?x2xi8> {
  %y = ivit.l1_layernorm %x * %m + %b shift 20 : (tensor<?x2xi16>, tensor<2xi32>, tensor<2xi64>) -> tensor<?x2xi8>
  func.return %y : tensor<?x2xi8>
}

// -----

// CHECK: ivit.ptf_layernorm %y: a factor can lie outside [0, 3]; the values of its factors are not known here
func.func @factors(%x: tensor<?x2xi8>, %f: tensor<2xi8>, %m: tensor<2xi32>, %b: tensor<2xi64>) -> tensor<?x2xi8> {
  %y = ivit.ptf_layernorm %x factors %f * %m + %b shift 20 zero_point 0 epsilon 1
    : (tensor<?x2xi8>, tensor<2xi8>, tensor<2xi32>, tensor<2xi64>) -> tensor<?x2xi8>
  func.return %y : tensor<?x2xi8>
}

// -----

// CHECK: ivit.ptf_layernorm %y: offset 4611686018427387904 can wrap 64 bits; keep it below 2^62, a bias of 2^22 steps of the output
func.func @offset(%x: tensor<?x2xi8>, %m: tensor<2xi32>) -> tensor<?x2xi8> {
  %f = ivit.constant "f" : tensor<2xi8>
  %b = ivit.constant "b" : tensor<2xi64>
  %y = ivit.ptf_layernorm %x factors %f * %m + %b shift 20 zero_point 0 epsilon 1
    : (tensor<?x2xi8>, tensor<2xi8>, tensor<2xi32>, tensor<2xi64>) -> tensor<?x2xi8>
  func.return %y : tensor<?x2xi8>
}

{-#
  dialect_resources: {
    builtin: {
      b: "0x4000000000000000000000000000000000000040",
      f: "0x400000000003"
    }
  }
#-}
