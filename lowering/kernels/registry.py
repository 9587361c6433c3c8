"""All kernel families, by name and by the op that they compute."""

from __future__ import annotations

from functools import cache

from xdsl.ir import Operation

from lowering.kernels.base import KernelFamily, PlanFunction


@cache
def families() -> dict[str, KernelFamily]:
    """Every kernel family by name; a new family adds its line here."""
    from lowering.kernels import (
        attention,
        broadcast,
        fqvit,
        gelu,
        gemm,
        heads,
        ibert,
        l1,
        lookup,
        matmul,
        norm,
        primitives,
        probabilities,
        reduce,
        requant,
        shift_matmul,
        softmax,
        tokens,
    )

    listed = (
        gemm.LINEAR,
        tokens.COPY,
        tokens.PATCHIFY,
        *attention.FAMILIES,
        *broadcast.FAMILIES,
        *fqvit.FAMILIES,
        *gelu.FAMILIES,
        *heads.FAMILIES,
        *ibert.FAMILIES,
        *l1.FAMILIES,
        *lookup.FAMILIES,
        *matmul.FAMILIES,
        *norm.FAMILIES,
        *primitives.FAMILIES,
        *probabilities.FAMILIES,
        *reduce.FAMILIES,
        *requant.FAMILIES,
        *shift_matmul.FAMILIES,
        *softmax.FAMILIES,
    )
    return {family.name: family for family in listed}


@cache
def plans() -> dict[type[Operation], PlanFunction]:
    """How each op class is launched."""
    return {op: plan for family in families().values() for op, plan in family.plans.items()}
