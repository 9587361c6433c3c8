// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

%x, %y = "test.op"() : () -> (tensor<?x3x4xi32>, tensor<3x1xi64>)

// CHECK: ivit.addi %x, %y : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi64>
// GENERIC: "ivit.addi"(%x, %y) : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi64>
%0 = ivit.addi %x, %y : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi64>

// CHECK: ivit.subi %x, %y : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi64>
// GENERIC: "ivit.subi"(%x, %y) : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi64>
%1 = ivit.subi %x, %y : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi64>

// CHECK: ivit.muli %x, %y : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi64>
// GENERIC: "ivit.muli"(%x, %y) : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi64>
%2 = ivit.muli %x, %y : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi64>

// CHECK: ivit.maxi %x, %y : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi64>
// GENERIC: "ivit.maxi"(%x, %y) : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi64>
%3 = ivit.maxi %x, %y : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi64>

// CHECK: ivit.shift_right %x, %y : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi32>
// GENERIC: "ivit.shift_right"(%x, %y) : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi32>
%4 = ivit.shift_right %x, %y : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi32>

// CHECK: ivit.rounding_shift_right %x, %y : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi32>
// GENERIC: "ivit.rounding_shift_right"(%x, %y) : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi32>
%5 = ivit.rounding_shift_right %x, %y : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi32>

// CHECK: ivit.floor_div %x, %y : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi32>
// GENERIC: "ivit.floor_div"(%x, %y) : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi32>
%6 = ivit.floor_div %x, %y : (tensor<?x3x4xi32>, tensor<3x1xi64>) -> tensor<?x3x4xi32>

// CHECK: ivit.reduce sum %x dim 2 : tensor<?x3x4xi32> -> tensor<?x3x1xi64>
// GENERIC: "ivit.reduce"(%x) <{kind = #ivit<reduce_kind sum>, dimension = 2 : i64}> : (tensor<?x3x4xi32>) -> tensor<?x3x1xi64>
%7 = ivit.reduce sum %x dim 2 : tensor<?x3x4xi32> -> tensor<?x3x1xi64>

// CHECK: ivit.reduce max %x dim 1 : tensor<?x3x4xi32> -> tensor<?x1x4xi32>
// GENERIC: "ivit.reduce"(%x) <{kind = #ivit<reduce_kind max>, dimension = 1 : i64}> : (tensor<?x3x4xi32>) -> tensor<?x1x4xi32>
%8 = ivit.reduce max %x dim 1 : tensor<?x3x4xi32> -> tensor<?x1x4xi32>
