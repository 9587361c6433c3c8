// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | ivit-opt | filecheck %s

// CHECK-LABEL: func.func @ops
func.func @ops(%a: vector<8xi8>, %b: vector<8xi8>, %m: vector<8xi1>) {
  // CHECK: arith_ext.extsi %{{.*}} : vector<8xi8> to vector<8xi32>
  %0 = arith_ext.extsi %a : vector<8xi8> to vector<8xi32>
  // CHECK: arith_ext.extui %{{.*}} : vector<8xi8> to vector<8xi16>
  %1 = arith_ext.extui %a : vector<8xi8> to vector<8xi16>
  // CHECK: arith_ext.trunci %{{.*}} : vector<8xi32> to vector<8xi16>
  %2 = arith_ext.trunci %0 : vector<8xi32> to vector<8xi16>
  // CHECK: arith_ext.cmpi ult, %{{.*}}, %{{.*}} : vector<8xi8>
  %3 = arith_ext.cmpi ult, %a, %b : vector<8xi8>
  // CHECK: arith_ext.select %{{.*}}, %{{.*}}, %{{.*}} : vector<8xi1>, vector<8xi8>
  %4 = arith_ext.select %m, %a, %b : vector<8xi1>, vector<8xi8>
  func.return
}
