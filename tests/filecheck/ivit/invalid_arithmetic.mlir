// RUN: ivit-opt %s --verify-diagnostics --split-input-file | filecheck %s

// ivit.addi (C1)
// CHECK: Expected one of {{.*}} but got f32
%a, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x4xf32>)
%y = ivit.addi %a, %b : (tensor<?x4xi32>, tensor<?x4xf32>) -> tensor<?x4xi32>

// -----

// ivit.addi (C2)
// CHECK: ivit.addi: shapes do not broadcast: [?, 4] and [3]
%a, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<3xi32>)
%y = ivit.addi %a, %b : (tensor<?x4xi32>, tensor<3xi32>) -> tensor<?x4xi32>

// -----

// ivit.addi (C3)
// CHECK: ivit.addi: output must have shape [?, 4], got [?, 1]
%a, %b = "test.op"() : () -> (tensor<?x1xi32>, tensor<4xi32>)
%y = ivit.addi %a, %b : (tensor<?x1xi32>, tensor<4xi32>) -> tensor<?x1xi32>

// -----

// ivit.subi (C1)
// CHECK: Expected one of {{.*}} but got f32
%a, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x4xf32>)
%y = ivit.subi %a, %b : (tensor<?x4xi32>, tensor<?x4xf32>) -> tensor<?x4xi32>

// -----

// ivit.subi (C2)
// CHECK: ivit.subi: shapes do not broadcast: [?, 4] and [3]
%a, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<3xi32>)
%y = ivit.subi %a, %b : (tensor<?x4xi32>, tensor<3xi32>) -> tensor<?x4xi32>

// -----

// ivit.subi (C3)
// CHECK: ivit.subi: output must have shape [?, 4], got [?, 1]
%a, %b = "test.op"() : () -> (tensor<?x1xi32>, tensor<4xi32>)
%y = ivit.subi %a, %b : (tensor<?x1xi32>, tensor<4xi32>) -> tensor<?x1xi32>

// -----

// ivit.muli (C1)
// CHECK: Expected one of {{.*}} but got f32
%a, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x4xf32>)
%y = ivit.muli %a, %b : (tensor<?x4xi32>, tensor<?x4xf32>) -> tensor<?x4xi32>

// -----

// ivit.muli (C2)
// CHECK: ivit.muli: shapes do not broadcast: [?, 4] and [3]
%a, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<3xi32>)
%y = ivit.muli %a, %b : (tensor<?x4xi32>, tensor<3xi32>) -> tensor<?x4xi32>

// -----

// ivit.muli (C3)
// CHECK: ivit.muli: output must have shape [?, 4], got [?, 1]
%a, %b = "test.op"() : () -> (tensor<?x1xi32>, tensor<4xi32>)
%y = ivit.muli %a, %b : (tensor<?x1xi32>, tensor<4xi32>) -> tensor<?x1xi32>

// -----

// ivit.maxi (C1)
// CHECK: Expected one of {{.*}} but got f32
%a, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x4xf32>)
%y = ivit.maxi %a, %b : (tensor<?x4xi32>, tensor<?x4xf32>) -> tensor<?x4xi32>

// -----

// ivit.maxi (C2)
// CHECK: ivit.maxi: shapes do not broadcast: [?, 4] and [3]
%a, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<3xi32>)
%y = ivit.maxi %a, %b : (tensor<?x4xi32>, tensor<3xi32>) -> tensor<?x4xi32>

// -----

// ivit.maxi (C3)
// CHECK: ivit.maxi: output must have shape [?, 4], got [?, 1]
%a, %b = "test.op"() : () -> (tensor<?x1xi32>, tensor<4xi32>)
%y = ivit.maxi %a, %b : (tensor<?x1xi32>, tensor<4xi32>) -> tensor<?x1xi32>

// -----

// ivit.shift_right (C1)
// CHECK: Expected one of {{.*}} but got f32
%a, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x4xf32>)
%y = ivit.shift_right %a, %b : (tensor<?x4xi32>, tensor<?x4xf32>) -> tensor<?x4xi32>

// -----

// ivit.shift_right (C2)
// CHECK: ivit.shift_right: shapes do not broadcast: [?, 4] and [3]
%a, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<3xi32>)
%y = ivit.shift_right %a, %b : (tensor<?x4xi32>, tensor<3xi32>) -> tensor<?x4xi32>

// -----

// ivit.shift_right (C3)
// CHECK: ivit.shift_right: output must have shape [?, 4], got [?, 1]
%a, %b = "test.op"() : () -> (tensor<?x1xi32>, tensor<4xi32>)
%y = ivit.shift_right %a, %b : (tensor<?x1xi32>, tensor<4xi32>) -> tensor<?x1xi32>

// -----

// ivit.rounding_shift_right (C1)
// CHECK: Expected one of {{.*}} but got f32
%a, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x4xf32>)
%y = ivit.rounding_shift_right %a, %b : (tensor<?x4xi32>, tensor<?x4xf32>) -> tensor<?x4xi32>

// -----

// ivit.rounding_shift_right (C2)
// CHECK: ivit.rounding_shift_right: shapes do not broadcast: [?, 4] and [3]
%a, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<3xi32>)
%y = ivit.rounding_shift_right %a, %b : (tensor<?x4xi32>, tensor<3xi32>) -> tensor<?x4xi32>

// -----

// ivit.rounding_shift_right (C3)
// CHECK: ivit.rounding_shift_right: output must have shape [?, 4], got [?, 1]
%a, %b = "test.op"() : () -> (tensor<?x1xi32>, tensor<4xi32>)
%y = ivit.rounding_shift_right %a, %b : (tensor<?x1xi32>, tensor<4xi32>) -> tensor<?x1xi32>

// -----

// ivit.floor_div (C1)
// CHECK: Expected one of {{.*}} but got f32
%a, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<?x4xf32>)
%y = ivit.floor_div %a, %b : (tensor<?x4xi32>, tensor<?x4xf32>) -> tensor<?x4xi32>

// -----

// ivit.floor_div (C2)
// CHECK: ivit.floor_div: shapes do not broadcast: [?, 4] and [3]
%a, %b = "test.op"() : () -> (tensor<?x4xi32>, tensor<3xi32>)
%y = ivit.floor_div %a, %b : (tensor<?x4xi32>, tensor<3xi32>) -> tensor<?x4xi32>

// -----

// ivit.floor_div (C3)
// CHECK: ivit.floor_div: output must have shape [?, 4], got [?, 1]
%a, %b = "test.op"() : () -> (tensor<?x1xi32>, tensor<4xi32>)
%y = ivit.floor_div %a, %b : (tensor<?x1xi32>, tensor<4xi32>) -> tensor<?x1xi32>

// -----

// ivit.reduce (C1)
// CHECK: Expected one of {{.*}} but got f32
%x = "test.op"() : () -> (tensor<?x4xf32>)
%y = ivit.reduce max %x dim 1 : tensor<?x4xf32> -> tensor<?x1xi32>

// -----

// ivit.reduce (C2)
// CHECK: ivit.reduce: dim must lie in [1, 1] (0 is the batch), got 0
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.reduce max %x dim 0 : tensor<?x4xi32> -> tensor<1x4xi32>

// -----

// ivit.reduce (C2)
// CHECK: ivit.reduce: dim must lie in [1, 1] (0 is the batch), got 2
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.reduce max %x dim 2 : tensor<?x4xi32> -> tensor<?x4xi32>

// -----

// ivit.reduce (C3)
// CHECK: ivit.reduce: output must have shape [?, 1], got [?, 4]
%x = "test.op"() : () -> (tensor<?x4xi32>)
%y = ivit.reduce max %x dim 1 : tensor<?x4xi32> -> tensor<?x4xi32>

// -----

// ivit.reduce (C4)
// CHECK: ivit.reduce: a sum of 256 values of i8 may not fit i16
%x = "test.op"() : () -> (tensor<?x256xi8>)
%y = ivit.reduce sum %x dim 1 : tensor<?x256xi8> -> tensor<?x1xi16>
