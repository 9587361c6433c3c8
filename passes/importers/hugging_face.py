"""``hf:PATH_OR_NAME``: ViT, DeiT and DINOv2 from transformers."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from passes.importers.extras import require
from passes.importers.quiet import quiet
from passes.importers.reason import reason
from passes.importers.source import Source, pair

PIXEL_LEVELS = 255.0
SUPPORTED = ("vit", "deit", "dinov2", "dinov2_with_registers")


def load(name: str, input_shape: Sequence[int] | None) -> Source:
    """The model saved at the local path ``name``, or of that name in the hub's cache or on the hub.

    Classifiers give logits; backbones give the class token's features. The input size is the one of the
    image processor where there is one (DINOv2 is trained at 518 and used at 224), else the config's.
    Raises ValueError where the model cannot be loaded or is not a ViT, DeiT or DINOv2.
    """
    origin = f"hf:{name}"
    transformers = require("transformers")
    with _quiet(transformers):
        return _load(transformers, origin, name, input_shape)


def _load(transformers: Any, origin: str, name: str, input_shape: Sequence[int] | None) -> Source:
    config = _config(transformers, origin, name)
    if config.model_type not in SUPPORTED:
        raise ValueError(
            f"{origin}: model type {config.model_type} is not supported: use one of {', '.join(SUPPORTED)}"
        )
    model = _model(transformers, config, origin, name)
    processor = _processor(transformers, origin, name)
    channels, height, width = _input_shape(config, processor, input_shape, origin)
    example = torch.zeros(1, channels, height, width)
    try:
        _fix_position_embeddings(model, example)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"{origin}: takes no images of {channels},{height},{width}: {reason(error)}"
        ) from error
    mean, std = normalisation(processor)
    return Source(_SingleOutput(model).eval(), example, mean, std, prefix="model.")


def normalisation(processor: dict[str, Any]) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Mean and std of pixels in [0, 1] from an image processor's config; (None, None) where it has none.

    A processor computes (pixel·rescale_factor − mean) / std.
    """
    mean, std = processor.get("image_mean"), processor.get("image_std")
    if mean is None or std is None or not processor.get("do_normalize", True):
        return None, None
    factor = processor.get("rescale_factor", 1 / PIXEL_LEVELS) if processor.get("do_rescale", True) else 1.0
    gain = PIXEL_LEVELS * factor
    # 255·(1/255) is not always exactly one
    gain = 1.0 if abs(gain - 1.0) < 1e-6 else gain
    return tuple(float(m) / gain for m in mean), tuple(float(s) / gain for s in std)


def _config(transformers: Any, origin: str, name: str) -> Any:
    if name.startswith((".", "/", "~")) and not Path(name).expanduser().is_dir():
        raise ValueError(f"{origin}: no such directory")
    try:
        return transformers.AutoConfig.from_pretrained(str(Path(name).expanduser()) if "~" in name else name)
    except (OSError, ValueError) as error:
        raise ValueError(f"{origin}: no model there: {str(error).strip().splitlines()[0]}") from error


@contextmanager
def _quiet(transformers: Any) -> Generator[None]:
    """No progress bars and no reports of transformers: its loading is one step of ours."""
    bars = transformers.utils.logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        with quiet():
            yield
    finally:
        if shown:
            bars.enable_progress_bar()


def _model(transformers: Any, config: Any, origin: str, name: str) -> Any:
    architectures: list[str] = config.architectures or []
    kind = architectures[0] if architectures else ""
    loader = getattr(transformers, kind, None) or transformers.AutoModel
    options: dict[str, Any] = {"dtype": torch.float32}
    if config.model_type in ("vit", "deit") and "For" not in kind:
        # its pooler ends in a tanh, which pre-training used and features do not
        options["add_pooling_layer"] = False
    try:
        model, found = loader.from_pretrained(
            name, output_loading_info=True, ignore_mismatched_sizes=True, **options
        )
    except Exception as error:  # readers of checkpoints raise errors of many kinds
        raise ValueError(f"{origin}: its weights cannot be loaded: {reason(error)}") from error
    # transformers fills what is missing with random numbers; only training uses the mask token
    missing = sorted(key for key in found["missing_keys"] if not key.endswith("mask_token"))
    if missing:
        raise ValueError(f"{origin}: the checkpoint lacks {len(missing)} weights, {missing[0]} for instance")
    if found["mismatched_keys"]:
        key, has, wanted = min(found["mismatched_keys"])
        raise ValueError(f"{origin}: {key} is {list(has)} in the checkpoint, the config wants {list(wanted)}")
    return model.eval()


def _processor(transformers: Any, origin: str, name: str) -> dict[str, Any]:
    path = transformers.utils.cached_file(
        name, "preprocessor_config.json", _raise_exceptions_for_missing_entries=False
    )
    try:
        found: Any = {} if path is None else json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{origin}: its preprocessor_config.json is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{origin}: its preprocessor_config.json is not a JSON object")
    return cast("dict[str, Any]", found)


def _input_shape(
    config: Any, processor: dict[str, Any], given: Sequence[int] | None, origin: str
) -> tuple[int, int, int]:
    if given is not None:
        if len(given) not in (3, 4):
            raise ValueError(f"{origin}: the input shape must be C,H,W, got {list(given)}")
        return given[-3], given[-2], given[-1]
    height, width = pair(config.image_size)
    if config.model_type.startswith("dinov2"):
        size: Any = processor.get("crop_size" if processor.get("do_center_crop") else "size")
        if isinstance(size, int) or (size is not None and "height" in size):
            height, width = pair(size if isinstance(size, int) else (size["height"], size["width"]))
    return int(config.num_channels), height, width


def _fix_position_embeddings(model: nn.Module, example: torch.Tensor) -> None:
    """Interpolate the position embeddings once for ``example``'s size; the graph then has a constant."""
    for module in model.modules():
        if hasattr(module, "interpolate_pos_encoding") and hasattr(module, "patch_embeddings"):
            _fix_embeddings(module, example)


def _fix_embeddings(embeddings: Any, example: torch.Tensor) -> None:
    height, width = int(example.shape[-2]), int(example.shape[-1])
    patches = embeddings.patch_embeddings
    with torch.no_grad():
        positions, features = embeddings.position_embeddings.shape[1:]
        tokens = patches.projection(example).flatten(2).shape[-1] + positions - patches.num_patches
        fixed = embeddings.interpolate_pos_encoding(torch.zeros(1, tokens, features), height, width)

    def constant(*_: Any) -> torch.Tensor:
        return embeddings.position_embeddings

    embeddings.position_embeddings = nn.Parameter(fixed.contiguous(), requires_grad=False)
    embeddings.interpolate_pos_encoding = constant
    embeddings.image_size = patches.image_size = (height, width)


class _SingleOutput(nn.Module):
    """Logits of a classifier, else the class token's features."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        outputs = self.model(pixels)
        if "logits" in outputs:
            return outputs["logits"]
        if outputs.get("pooler_output") is not None:
            return outputs["pooler_output"]
        return outputs["last_hidden_state"][:, 0]
