"""NumPy kernels of the torch mirror's ops, one file per family."""

from __future__ import annotations

from ivit_dialect.torch.kernels import create, nn, pointwise, reduce, shape
from ivit_dialect.torch.kernels.table import KernelTable

KERNELS = KernelTable()
for family in (create, nn, pointwise, reduce, shape):
    KERNELS.update(family.KERNELS)
