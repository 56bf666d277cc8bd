"""What sets of pictures are compared by: the features whose Fréchet distance is "fid", and those of "fd-cellnet".

FID is defined with Inception-v3, whose weights nobody may be made to download. Where they are not, the features that a
packaged cellnet tells banding, dither and blocks by serve: the distance is then no FID and is not called so.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from vdequant.metrics.perceptual import Features, inception_features
from vdequant.training.perceptual import CellnetFeatures

PATCH = 32  # pixels a side: each is one row of features, so that a few pictures are many


def cellnet_features() -> Features:
    """Mean and deviation of a cellnet's hidden layers over each patch of 32x32 pixels.

    Returns:
        A function ``(N, 3, H, W) in [0, 1] -> (N * patches, 70)``.
    """
    hidden_of = CellnetFeatures()

    def features(x: Tensor) -> Tensor:
        hidden = hidden_of(x.float() * 2 - 1)
        size = min(PATCH, *x.shape[-2:])
        mean = functional.avg_pool2d(hidden, size)
        deviation = (functional.avg_pool2d(hidden * hidden, size) - mean * mean).clamp(min=0).sqrt()
        return torch.cat([mean, deviation], dim=1).permute(0, 2, 3, 1).flatten(0, 2)

    return features


# score -> what makes its features
SET_FEATURES: dict[str, Callable[[], Features]] = {"fid": inception_features, "fd-cellnet": cellnet_features}
