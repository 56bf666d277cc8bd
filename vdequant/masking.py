"""The picture that says which parts of the input stay as they are: white is kept, black is restored."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from vdequant.color import to_rgb
from vdequant.errors import InputError
from vdequant.media.stills import decode


def read_mask(path: str, width: int, height: int) -> Tensor:
    """The share of each pixel that is kept.

    Args:
        path: a picture of ``width`` x ``height``; of a colored one the lightest channel counts.

    Returns:
        ``(1, 1, height, width)`` float32 in [0, 1].

    Raises:
        InputError: the file is missing, not a picture, or of another size.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"expected a picture for --mask, cannot read {path} ({error.strerror})") from error
    planes, _, layout = decode(data, path)
    if (layout.width, layout.height) != (width, height):
        raise InputError(
            f"expected a --mask of {width}x{height} pixels, as the input has, got {layout.width}x{layout.height} in "
            f"{path}; scale it without smoothing"
        )
    return to_rgb(tuple(plane[None] for plane in planes), layout).amax(1, keepdim=True).to(torch.float32)
