"""What GPUs can do at most, by the name that the driver gives them: from NVIDIA's data sheets.

Dense int8 products of the tensor cores at boost clock (half of what is stated "with sparsity"), and the
bandwidth of the memory.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Peak:
    """10¹² int8 operations (two a multiply-accumulate) and 10⁹ bytes a second."""

    teraops: float
    gigabytes: float

    def floor_us(self, macs: int, size: int) -> float:
        """The microseconds that so many multiply-accumulates and bytes of memory take at least."""
        return max(2 * macs / self.teraops / 1e6, size / self.gigabytes / 1e3)


PEAKS = {
    "Tesla T4": Peak(130, 320),
    "NVIDIA A10": Peak(250, 600),
    "NVIDIA A100-SXM4-40GB": Peak(624, 1555),
    "NVIDIA A100-SXM4-80GB": Peak(624, 2039),
    "NVIDIA A100-PCIE-40GB": Peak(624, 1555),
    "NVIDIA A100 80GB PCIe": Peak(624, 1935),
    "NVIDIA L4": Peak(242, 300),
    "NVIDIA L40S": Peak(733, 864),
    "NVIDIA H100 PCIe": Peak(1513, 2000),
    "NVIDIA H100 80GB HBM3": Peak(1979, 3350),
    "NVIDIA H200": Peak(1979, 4800),
}
"""Others have none: their kernels get times, and no fraction of a peak."""


def peak_of(device: str) -> Peak | None:
    """The peak of the GPU of that name; None where it is not listed."""
    return PEAKS.get(device)
