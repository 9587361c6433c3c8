// RUN: ivit-opt %s | ivit-opt | filecheck %s
// RUN: ivit-opt %s --print-op-generic | ivit-opt | filecheck %s

// CHECK-LABEL: func.func private @tensors
// CHECK-SAME: (!torch.vtensor<[1,3,224,224],f32>, !torch.vtensor<[],si64>, !torch.vtensor<[?,4],i1>, !torch.vtensor<*,f64>, !torch.vtensor<[2],unk>, !torch.vtensor)
func.func private @tensors(!torch.vtensor<[1,3,224,224],f32>, !torch.vtensor<[],si64>, !torch.vtensor<[?,4],i1>, !torch.vtensor<*,f64>, !torch.vtensor<[2],unk>, !torch.vtensor)

// CHECK-LABEL: func.func private @scalars
// CHECK-SAME: (!torch.int, !torch.float, !torch.number, !torch.bool, !torch.str, !torch.none, !torch.Device)
func.func private @scalars(!torch.int, !torch.float, !torch.number, !torch.bool, !torch.str, !torch.none, !torch.Device)

// CHECK-LABEL: func.func private @containers
// CHECK-SAME: (!torch.list<int>, !torch.list<vtensor<[2,?],f32>>, !torch.list<optional<vtensor>>, !torch.tuple<int, list<float>>, !torch.tuple<>)
func.func private @containers(!torch.list<int>, !torch.list<vtensor<[2,?],f32>>, !torch.list<optional<vtensor>>, !torch.tuple<int, list<float>>, !torch.tuple<>)
