"""All kernels written for the GPU, by name and by the op that they compute."""

from __future__ import annotations

from functools import cache

from xdsl.ir import Operation

from lowering.cuda.build import CudaFamily, CudaPlan
from lowering.cuda.kernels import attention, gelu, gemm, matmul, norm, square_roots, tokens
from lowering.cuda.targets import CudaTarget
from lowering.kernels.base import Launch
from lowering.kernels.registry import plans


@cache
def cuda_families() -> dict[str, CudaFamily]:
    """Every family by name; a new one adds its line here."""
    listed: tuple[CudaFamily, ...] = (
        *attention.FAMILIES,
        *gelu.FAMILIES,
        *gemm.FAMILIES,
        *matmul.FAMILIES,
        *norm.FAMILIES,
        *square_roots.FAMILIES,
        *tokens.FAMILIES,
    )
    return {family.name: family for family in listed}


@cache
def cuda_plans() -> dict[type[Operation], list[CudaPlan]]:
    """How each op class may be launched: the first plan that takes an op has it."""
    found: dict[type[Operation], list[CudaPlan]] = {}
    for family in cuda_families().values():
        for op, plan in family.plans.items():
            found.setdefault(op, []).append(plan)
    return found


def plan_launch(op: Operation, target: CudaTarget) -> Launch | None:
    """The launch that computes ``op``: a GPU kernel, else the CPU's family; None where there is none."""
    for plan in cuda_plans().get(type(op), []):
        launch = plan(op, target)
        if launch is not None:
            return launch
    return plan_spmd(op, target)


def plan_spmd(op: Operation, target: CudaTarget) -> Launch | None:
    """The launch of the CPU's family in its SPMD form; None where there is none."""
    plan_op = plans().get(type(op))
    return None if plan_op is None else plan_op(op, target.spmd)
