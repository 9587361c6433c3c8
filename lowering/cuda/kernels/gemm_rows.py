"""The rows of a GEMM: those of all images, one after the other, wherever each image's lie."""

from __future__ import annotations

from dataclasses import dataclass

from lowering.cuda.build import CudaBuilder, DeviceOperand
from lowering.kernels.build import Operand, Value


@dataclass(frozen=True)
class Place:
    """A row of an operand: a memref, and the row's number there."""

    memory: Value
    row: Value


class ImageRows:
    """Row ``m`` of a launch is row ``m % per_image`` of image ``m / per_image``; numbers are i32."""

    def __init__(self, b: CudaBuilder, per_image: int) -> None:
        self._b, self._per_image = b, per_image
        self.count: Value = b.mul(b.from_index(b.images, 32), per_image)

    def place(self, operand: DeviceOperand, row: Value) -> Place:
        """Where ``row`` of ``operand`` lies: images that follow each other are one array."""
        b = self._b
        if operand.contiguous:
            return Place(b.of_all_images(operand), b.to_index(row))
        image, line = b.div_unsigned(row, self._per_image), b.rem_unsigned(row, self._per_image)
        return Place(b.of_image(operand, b.to_index(image)), b.to_index(line))

    def pointer(self, place: Place, column: Operand) -> Value:
        """The address of an element of a row."""
        return self._b.pointer(place.memory, place.row, column)
