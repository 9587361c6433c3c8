// RUN: ivit-opt %s --generalize-batch --split-input-file --verify-diagnostics | filecheck %s

// CHECK: func.func: the batch cannot be generalised: the model was exported for 8 images: export it for 1, or with a dynamic batch
func.func @eight(%x: !torch.vtensor<[8,4],f32>) -> !torch.vtensor<[8,4],f32> {
  return %x : !torch.vtensor<[8,4],f32>
}

// -----

// CHECK: func.func: the batch cannot be generalised: only the batch may be dynamic, the argument is !torch.vtensor<[?,3,?],f32>
func.func @image_size(%x: !torch.vtensor<[?,3,?],f32>) -> !torch.vtensor<[?,3,?],f32> {
  return %x : !torch.vtensor<[?,3,?],f32>
}

// -----

// CHECK: torch.aten.view: the batch cannot be generalised: it merges the batch with another dimension
func.func @merged(%x: !torch.vtensor<[1,4],f32>) -> !torch.vtensor<[4],f32> {
  %int4 = torch.constant.int 4
  %sizes = torch.prim.ListConstruct %int4 : (!torch.int) -> !torch.list<int>
  %0 = torch.aten.view %x, %sizes : !torch.vtensor<[1,4],f32>, !torch.list<int> -> !torch.vtensor<[4],f32>
  return %0 : !torch.vtensor<[4],f32>
}

// -----

// CHECK: torch.aten.select.int: the batch cannot be generalised: it takes one image out of the batch
func.func @first_image(%x: !torch.vtensor<[1,4],f32>) -> !torch.vtensor<[4],f32> {
  %int0 = torch.constant.int 0
  %0 = torch.aten.select.int %x, %int0, %int0 : !torch.vtensor<[1,4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4],f32>
  return %0 : !torch.vtensor<[4],f32>
}

// -----

// CHECK: torch.aten.softmax.int: the batch cannot be generalised: it mixes the images of the batch
func.func @mixed(%x: !torch.vtensor<[1,4],f32>) -> !torch.vtensor<[1,4],f32> {
  %int0 = torch.constant.int 0
  %none = torch.constant.none
  %0 = torch.aten.softmax.int %x, %int0, %none : !torch.vtensor<[1,4],f32>, !torch.int, !torch.none -> !torch.vtensor<[1,4],f32>
  return %0 : !torch.vtensor<[1,4],f32>
}

// -----

// CHECK: torch.aten.cumsum at {{.*}}: this op on activations has no integer form here; express it by linear
func.func @unknown(%x: !torch.vtensor<[1,4],f32>) -> !torch.vtensor<[1,4],f32> {
  %int1 = torch.constant.int 1
  %none = torch.constant.none
  %0 = torch.aten.cumsum %x, %int1, %none : !torch.vtensor<[1,4],f32>, !torch.int, !torch.none -> !torch.vtensor<[1,4],f32>
  return %0 : !torch.vtensor<[1,4],f32>
}

// -----

// CHECK: func.return: the batch cannot be generalised: result 0 is with the batch in dimension 1, not in dimension 0
func.func @last(%x: !torch.vtensor<[1,4],f32>) -> !torch.vtensor<[4,1],f32> {
  %int0 = torch.constant.int 0
  %int1 = torch.constant.int 1
  %order = torch.prim.ListConstruct %int1, %int0 : (!torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.permute %x, %order : !torch.vtensor<[1,4],f32>, !torch.list<int> -> !torch.vtensor<[4,1],f32>
  return %0 : !torch.vtensor<[4,1],f32>
}
