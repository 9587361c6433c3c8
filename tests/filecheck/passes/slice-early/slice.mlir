// RUN: ivit-opt %s --slice-early | filecheck %s

// Only token 0 is read: what follows the attention runs on it alone, constants [1, T, C] are cut with it.
// CHECK-LABEL: func.func @class_token
func.func @class_token(%x: tensor<?x5x2xi8>, %c: tensor<1x5x2xi16>, %t: tensor<256xi8>, %w: tensor<3x2xi8>, %b: tensor<3xi32>) -> tensor<?x1x3xi32> {
  // CHECK-NEXT: %[[X:.*]] = ivit.slice_tokens %x[0, 1] : tensor<?x5x2xi8> -> tensor<?x1x2xi8>
  // CHECK-NEXT: %[[C:.*]] = ivit.slice_tokens %c[0, 1] : tensor<1x5x2xi16> -> tensor<1x1x2xi16>
  // CHECK-NEXT: %[[SUM:.*]] = ivit.add %[[X]], %[[C]] : (tensor<?x1x2xi8>, tensor<1x1x2xi16>) -> tensor<?x1x2xi8>
  // CHECK-NEXT: %[[TABLE:.*]] = ivit.lookup %[[SUM]], %t : (tensor<?x1x2xi8>, tensor<256xi8>) -> tensor<?x1x2xi8>
  // CHECK-NEXT: %[[Y:.*]] = ivit.linear %[[TABLE]], %w, %b : (tensor<?x1x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<?x1x3xi32>
  // CHECK-NEXT: func.return %[[Y]]
  %0 = ivit.add %x, %c : (tensor<?x5x2xi8>, tensor<1x5x2xi16>) -> tensor<?x5x2xi8>
  %1 = ivit.lookup %0, %t : (tensor<?x5x2xi8>, tensor<256xi8>) -> tensor<?x5x2xi8>
  %2 = ivit.linear %1, %w, %b : (tensor<?x5x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<?x5x3xi32>
  %3 = ivit.slice_tokens %2[0, 1] : tensor<?x5x3xi32> -> tensor<?x1x3xi32>
  func.return %3 : tensor<?x1x3xi32>
}

// I-BERT's ops treat every token by itself.
// CHECK-LABEL: func.func @ibert
func.func @ibert(%x: tensor<?x5x2xi16>, %m: tensor<2xi32>, %b: tensor<2xi64>) -> tensor<?x1x2xi32> {
  // CHECK-NEXT: %[[X:.*]] = ivit.slice_tokens %x[0, 1] : tensor<?x5x2xi16> -> tensor<?x1x2xi16>
  // CHECK-NEXT: %[[N:.*]] = ivit.ibert_layernorm %[[X]] * %m + %b shift 40 variance_shift 3 : (tensor<?x1x2xi16>, tensor<2xi32>, tensor<2xi64>) -> tensor<?x1x2xi8>
  // CHECK-NEXT: %[[Y:.*]] = ivit.ibert_gelu %[[N]] b -11 c -111 one -7 shift 4 : tensor<?x1x2xi8> -> tensor<?x1x2xi32>
  // CHECK-NEXT: func.return %[[Y]]
  %0 = ivit.ibert_layernorm %x * %m + %b shift 40 variance_shift 3 : (tensor<?x5x2xi16>, tensor<2xi32>, tensor<2xi64>) -> tensor<?x5x2xi8>
  %1 = ivit.ibert_gelu %0 b -11 c -111 one -7 shift 4 : tensor<?x5x2xi8> -> tensor<?x5x2xi32>
  %2 = ivit.slice_tokens %1[0, 1] : tensor<?x5x2xi32> -> tensor<?x1x2xi32>
  func.return %2 : tensor<?x1x2xi32>
}

// Tokens 1 and 2 are read: both are computed, at once.
// CHECK-LABEL: func.func @two_readers
func.func @two_readers(%x: tensor<?x5x2xi32>) -> (tensor<?x1x2xi8>, tensor<?x1x2xi8>) {
  // CHECK-NEXT: %[[X:.*]] = ivit.slice_tokens %x[1, 2] : tensor<?x5x2xi32> -> tensor<?x2x2xi32>
  // CHECK-NEXT: %[[Y:.*]] = ivit.requant %[[X]] * 1500000000 shift 38 : tensor<?x2x2xi32> -> tensor<?x2x2xi8>
  // CHECK-NEXT: %[[A:.*]] = ivit.slice_tokens %[[Y]][0, 1] : tensor<?x2x2xi8> -> tensor<?x1x2xi8>
  // CHECK-NEXT: %[[B:.*]] = ivit.slice_tokens %[[Y]][1, 1] : tensor<?x2x2xi8> -> tensor<?x1x2xi8>
  // CHECK-NEXT: func.return %[[A]], %[[B]]
  %0 = ivit.requant %x * 1500000000 shift 38 : tensor<?x5x2xi32> -> tensor<?x5x2xi8>
  %1 = ivit.slice_tokens %0[1, 1] : tensor<?x5x2xi8> -> tensor<?x1x2xi8>
  %2 = ivit.slice_tokens %0[2, 1] : tensor<?x5x2xi8> -> tensor<?x1x2xi8>
  func.return %1, %2 : tensor<?x1x2xi8>, tensor<?x1x2xi8>
}

// Somebody else reads all tokens: nothing moves.
// CHECK-LABEL: func.func @whole_is_read
func.func @whole_is_read(%x: tensor<?x5x2xi32>) -> (tensor<?x5x2xi8>, tensor<?x1x2xi8>) {
  // CHECK-NEXT: %[[Y:.*]] = ivit.requant %x * 1500000000 shift 38 : tensor<?x5x2xi32> -> tensor<?x5x2xi8>
  // CHECK-NEXT: %[[A:.*]] = ivit.slice_tokens %[[Y]][0, 1] : tensor<?x5x2xi8> -> tensor<?x1x2xi8>
  // CHECK-NEXT: func.return %[[Y]], %[[A]]
  %0 = ivit.requant %x * 1500000000 shift 38 : tensor<?x5x2xi32> -> tensor<?x5x2xi8>
  %1 = ivit.slice_tokens %0[0, 1] : tensor<?x5x2xi8> -> tensor<?x1x2xi8>
  func.return %0, %1 : tensor<?x5x2xi8>, tensor<?x1x2xi8>
}

// A sum over the tokens needs them all.
// CHECK-LABEL: func.func @mean
func.func @mean(%x: tensor<?x5x2xi8>, %t: tensor<256xi8>) -> tensor<?x1x2xi32> {
  // CHECK-NEXT: %[[TABLE:.*]] = ivit.lookup %x, %t : (tensor<?x5x2xi8>, tensor<256xi8>) -> tensor<?x5x2xi8>
  // CHECK-NEXT: ivit.reduce sum %[[TABLE]] dim 1
  %0 = ivit.lookup %x, %t : (tensor<?x5x2xi8>, tensor<256xi8>) -> tensor<?x5x2xi8>
  %1 = ivit.reduce sum %0 dim 1 : tensor<?x5x2xi8> -> tensor<?x1x2xi32>
  func.return %1 : tensor<?x1x2xi32>
}
