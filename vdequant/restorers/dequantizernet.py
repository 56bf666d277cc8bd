"""DequantizerNet as a restorer: takes the artifacts of JPEG out of any picture, without being told its quality."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.models.dequantizernet_weights import fresh_generator, read_generator
from vdequant.quantizers.base import Cells
from vdequant.restorers.base import Needs


class Dequantizernet:
    """Blind: it looks at the picture alone, never at its cells.

    It was trained on JPEG of qualities 1 to 75; on other losses it smooths what looks like JPEG's blocks and ringing.

    Args:
        path: weights that ``vdequant train dequantizernet`` wrote; None: the packaged ones.
    """

    weights = ("dequantizernet",)

    def __init__(self, path: Path | None = None) -> None:
        self.net = read_generator(path) if path else fresh_generator()
        spec = self.net.spec
        self.needs = Needs(multiple_of=spec.step, halo=spec.radius, align=spec.step)

    def to(self, device: torch.device, dtype: torch.dtype) -> Dequantizernet:
        """Move the network; ``dtype`` is that of its convolutions, pictures stay float32."""
        self.net = self.net.to(device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """Propose the true picture for ``y`` ``(N, 3, H, W)`` float32; the same shape, in [0, 1]."""
        check_picture(y, "y")
        answer: Tensor = self.net(y * 2 - 1)
        return ((answer + 1) / 2).clamp_(0, 1)
