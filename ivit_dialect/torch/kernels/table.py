"""How a torch op finds its NumPy kernel.

A kernel takes the op and the Python values of its operands (arrays, numbers, strings, None, lists)
and returns the value of its result, or a tuple where the op has several results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation

from ivit_dialect.element_types import numpy_dtype
from ivit_dialect.torch.types import ValueTensorType

Array: TypeAlias = NDArray[Any]
Number: TypeAlias = int | float | bool
Kernel: TypeAlias = Callable[..., Any]
KernelT = TypeVar("KernelT", bound=Kernel)


class KernelTable(dict[type[Operation], Kernel]):
    """Kernels by op class."""

    def of(self, *ops: type[Operation]) -> Callable[[KernelT], KernelT]:
        """Decorator: the kernel of each of ``ops``."""

        def register(kernel: KernelT) -> KernelT:
            for op in ops:
                if op in self:
                    raise ValueError(f"{op.name} has two kernels")
                self[op] = kernel
            return kernel

        return register


def result_dtype(op: Operation) -> np.dtype[Any]:
    """The NumPy type of the (first) result of ``op``; ValueError where the IR does not say it."""
    result = op.results[0].type
    if not isinstance(result, ValueTensorType):
        raise ValueError(f"{op.name} must have a tensor result, got {result}")
    return numpy_dtype(result.dtype)
