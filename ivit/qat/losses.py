"""Losses of quantisation-aware training."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def distillation_loss(logits: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """``T^2 KL(softmax(teacher / T) || softmax(logits / T))``, the mean over the batch (arXiv 1503.02531).

    ``teacher`` are the float model's logits [N, classes], through which no gradient goes. ValueError for a
    temperature that is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    student = F.log_softmax(logits / temperature, -1)
    target = F.log_softmax(teacher.detach() / temperature, -1)
    return F.kl_div(student, target, reduction="batchmean", log_target=True) * temperature**2
