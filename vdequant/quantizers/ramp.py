"""Tones of one ramp, as of a green or amber screen: ink, paper and what lies between them.

ink ●───────●────────────●─────● paper        A dither mixes neighbors, so the truth lies on the ramp,
    0      0.3          0.8    1              and one number says where: it is a gray picture in other colors.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vdequant.color import luma_of

MOST_BENT = 1.15  # times the way from end to end: the Game Boy's greens take 1.04 to 1.08, CGA's four colors 1.7
LEAST_GAP = 2 / 255  # of luma between neighbors


@dataclass(frozen=True)
class Ramp:
    """Two tones or more, in order of luma.

    Attributes:
        tones: ``(K, 3)`` in [0, 1].
        grays: ``(K,)``, their luma, with 0 for the first and 1 for the last of them.
    """

    tones: Tensor
    grays: Tensor

    @classmethod
    def of(cls, colors: Tensor) -> Ramp | None:
        """The ramp through ``(K, 3)``, or None where they do not lie on one."""
        luma = luma_of(colors.T[None, :, :, None]).flatten()
        order = luma.argsort()
        tones, luma = colors[order], luma[order]
        if len(tones) < 2 or bool((luma.diff() < LEAST_GAP).any()):
            return None
        way = (tones[1:] - tones[:-1]).norm(dim=1).sum()
        if float(way) > MOST_BENT * float((tones[-1] - tones[0]).norm()):
            return None
        return cls(tones, (luma - luma[0]) / (luma[-1] - luma[0]))

    def to_grays(self, y: Tensor) -> Tensor:
        """Pictures of the tones ``(N, 3, H, W)`` as pictures of their grays."""
        tones = self.tones.to(y)
        apart = [(y - tone[:, None, None]).square().sum(1) for tone in tones]
        nearest = torch.stack(apart, dim=1).argmin(1)
        return self.grays.to(y)[nearest][:, None].expand_as(y).contiguous()

    def to_tones(self, x: Tensor) -> Tensor:
        """Where gray pictures ``(N, 3, H, W)`` in [0, 1] lie on the ramp."""
        place, grays, tones = x.mean(1), self.grays.to(x), self.tones.to(x)
        lower = torch.bucketize(place.contiguous(), grays[1:-1].contiguous(), right=True)
        share = ((place - grays[lower]) / (grays[lower + 1] - grays[lower])).clamp(0, 1)[..., None]
        return torch.lerp(tones[lower], tones[lower + 1], share).movedim(-1, 1).contiguous()
