"""The baseline that Pix2Pix-FQ is compared with: pix2pix on the picture as it is, red, green and blue together."""

from __future__ import annotations

import torch
from torch import Tensor

from vdequant.checks import check_picture
from vdequant.models.pix2pix import Unet
from vdequant.models.pix2pix_weights import fresh_unet
from vdequant.quantizers.base import Cells
from vdequant.restorers.base import Needs


def needs_of(net: Unet) -> Needs:
    """Tiles are cut where the network's coarsest pixels begin, with what an output pixel can see around them."""
    return Needs(multiple_of=net.spec.multiple, halo=net.spec.radius, align=net.spec.multiple)


def moved(net: Unet, device: torch.device) -> Unet:
    """The network on ``device``, in float32: bf16 cannot hold the colors of pictures that lost only a tenth."""
    return net.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


class Pix2Pix:
    """Translates RGB in [-1, 1] to RGB; see :class:`~vdequant.restorers.base.Restorer` for the promises.

    Args:
        net: a generator of 3 channels; None: the packaged one.

    Raises:
        ModelError: there are no packaged weights.
    """

    weights = ("pix2pix",)

    def __init__(self, net: Unet | None = None) -> None:
        self.net = fresh_unet(self.weights[0]) if net is None else net
        self.needs = needs_of(self.net)

    def to(self, device: torch.device, dtype: torch.dtype) -> Pix2Pix:
        """Move the network."""
        self.net = moved(self.net, device)
        return self

    def restore(self, y: Tensor, cells: Cells) -> Tensor:
        """Translate ``y`` ``(N, 3, H, W)`` float32; the cells are not looked at."""
        check_picture(y, "y")
        with torch.no_grad():
            made: Tensor = self.net(y * 2 - 1)
        return made.add_(1).div_(2).clamp_(0, 1)
