"""Quantisation-aware training: a torch Vision Transformer in the compiler's own integers.

    import ivit.qat

    qat_model = ivit.qat.prepare(model, example, calibration=images, recipe="paper")
    loss = torch.nn.functional.cross_entropy(qat_model(batch), labels)    # gradients reach model's parameters
    torch.save(qat_model.state_dict(), "qat.pt")
    qat_model.export("trained.mlir")                                      # for: ivit compile trained.mlir

Needs the extra [train].
"""

from __future__ import annotations

from ivit.qat.extras import check_torch as check_torch
from ivit.qat.losses import distillation_loss
from ivit.qat.model import QatModel
from ivit.qat.prepare import prepare

__all__ = ["QatModel", "distillation_loss", "prepare"]
