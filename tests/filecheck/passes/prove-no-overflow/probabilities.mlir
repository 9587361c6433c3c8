// RUN: ivit-opt %s --prove-no-overflow --verify-diagnostics --split-input-file | filecheck %s

// 1024 terms of -128 * 2^14 just fit 32 bits; unknown shifts may be 15.

// CHECK-LABEL: func.func @exactly
// CHECK: ivit.shift_matmul
func.func @exactly(%c: tensor<?x1x1x1024xui8>, %v: tensor<?x1x1024x1xi8>) -> tensor<?x1x1x1xi32> {
  %s = ivit.constant "s" : tensor<2xi8>
  %a = ivit.shift_matmul %c, %v shifts %s : (tensor<?x1x1x1024xui8>, tensor<?x1x1024x1xi8>, tensor<2xi8>) -> tensor<?x1x1x1xi32>
  func.return %a : tensor<?x1x1x1xi32>
}

{-#
  dialect_resources: {
    builtin: {
      s: "0x400000000EFF"
    }
  }
#-}

// -----

// CHECK: ivit.shift_matmul %a: shift_matmul: shifts: [-1, 16] leaves [-1, 15]; give shifts from -1 to 15
func.func @range(%c: tensor<?x1x1x4xui8>, %v: tensor<?x1x4x1xi8>) -> tensor<?x1x1x1xi32> {
  %s = ivit.constant "s" : tensor<2xi8>
  %a = ivit.shift_matmul %c, %v shifts %s : (tensor<?x1x1x4xui8>, tensor<?x1x4x1xi8>, tensor<2xi8>) -> tensor<?x1x1x1xi32>
  func.return %a : tensor<?x1x1x1xi32>
}

{-#
  dialect_resources: {
    builtin: {
      s: "0x4000000010FF"
    }
  }
#-}

// -----

// CHECK: ivit.shift_matmul %a: its int32 accumulators can reach [-4294967296, 4261412864]; the values of its shifts are not known here
func.func @unknown(%c: tensor<?x1x1x1024xui8>, %v: tensor<?x1x1024x1xi8>, %s: tensor<2xi8>) -> tensor<?x1x1x1xi32> {
  %a = ivit.shift_matmul %c, %v shifts %s : (tensor<?x1x1x1024xui8>, tensor<?x1x1024x1xi8>, tensor<2xi8>) -> tensor<?x1x1x1xi32>
  func.return %a : tensor<?x1x1x1xi32>
}

// -----

// CHECK: ivit.normalized_softmax %p: its table may not be 65536 and then entries in [0, 65536); the values of its table are not known here
func.func @table(%x: tensor<?x1x1x4xi32>, %t: tensor<256xi32>) -> tensor<?x1x1x4xui8> {
  %p = ivit.normalized_softmax %x * 3 shift 9 table %t unit 255 : (tensor<?x1x1x4xi32>, tensor<256xi32>) -> tensor<?x1x1x4xui8>
  func.return %p : tensor<?x1x1x4xui8>
}

// -----

// CHECK: ivit.threshold_softmax %p: a score can lie 4294967295 below its row's maximum, which times 2147483647 plus 2^61 can wrap 64 bits
func.func @index(%x: tensor<?x1x1x4xi32>, %t: tensor<256xi32>, %b: tensor<3xi32>, %m: tensor<1x1x1x1xi32>) -> tensor<?x1x1x4xui2> {
  %p = ivit.threshold_softmax %x heads(%m : tensor<1x1x1x1xi32>) shift 62 table %t thresholds %b : (tensor<?x1x1x4xi32>, tensor<256xi32>, tensor<3xi32>) -> tensor<?x1x1x4xui2>
  func.return %p : tensor<?x1x1x4xui2>
}
