"""A typed mirror of the part of torch-mlir's ``torch`` dialect that Vision Transformers export.

Every op means what the torch operator of the same name means.
"""

from __future__ import annotations

from xdsl.ir import Dialect

from ivit_dialect.torch.ops_constant import OPS_CONSTANT
from ivit_dialect.torch.ops_create import OPS_CREATE
from ivit_dialect.torch.ops_nn import OPS_NN
from ivit_dialect.torch.ops_pointwise import OPS_POINTWISE
from ivit_dialect.torch.ops_reduce import OPS_REDUCE
from ivit_dialect.torch.ops_scalar import OPS_SCALAR
from ivit_dialect.torch.ops_select import OPS_SELECT
from ivit_dialect.torch.ops_shape import OPS_SHAPE
from ivit_dialect.torch.types import TORCH_TYPES

Torch = Dialect(
    "torch",
    [
        *OPS_CONSTANT,
        *OPS_SCALAR,
        *OPS_CREATE,
        *OPS_SHAPE,
        *OPS_POINTWISE,
        *OPS_SELECT,
        *OPS_REDUCE,
        *OPS_NN,
    ],
    [*TORCH_TYPES],
)
