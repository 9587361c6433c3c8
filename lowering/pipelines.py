"""Named pipelines of the lowering, each replayable with `ivit-opt -p`."""

from __future__ import annotations

LOOPS_TO_LLVM = ",".join(
    [
        "lower-scf-to-cf",
        "convert-vector-to-llvm",
        "convert-memref-to-llvm",
        "convert-arith-to-llvm",
        "convert-cf-to-llvm",
        "convert-func-to-llvm",
        "reconcile-unrealized-casts",
    ]
)
"""From the `loops` level (scf, arith, vector, memref, cf, func) to the `llvm` dialect."""
