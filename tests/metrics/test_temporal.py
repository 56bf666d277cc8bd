"""Flicker and warping error on clips whose motion is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from vdequant.metrics.temporal import flicker, warping_error


def texture() -> Tensor:
    """A smooth random picture ``(3, 64, 64)`` that optical flow can follow."""
    coarse = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(3))
    return torch.nn.functional.interpolate(coarse, (64, 64), mode="bicubic").clamp(0, 1)[0]


def panning(frames: int = 4) -> Tensor:
    """The picture moving two pixels a frame, new content coming in."""
    wide = torch.nn.functional.interpolate(
        torch.rand(1, 3, 9, 12, generator=torch.Generator().manual_seed(4)), (64, 84), mode="bicubic"
    )
    return torch.stack([wide.clamp(0, 1)[0, :, :, 2 * t : 2 * t + 64] for t in range(frames)])


def test_a_still_clip_does_not_flicker() -> None:
    still = texture().expand(3, 3, 64, 64)
    assert flicker(still, still) == 0


def test_flicker_is_the_variance_where_the_truth_stands_still() -> None:
    truth = texture().repeat(2, 1, 1, 1)
    truth[1, :, :32] = 0.5  # the upper half changes
    restored = truth.clone()
    restored[0, :, 32:] += 2 / 255
    restored[0, :, :32] += 0.3  # does not count
    assert flicker(restored, truth) == pytest.approx(1.0, rel=1e-3)


def test_flicker_of_a_clip_that_moves_everywhere_is_unknown() -> None:
    clip = torch.stack([torch.zeros(3, 8, 8), torch.ones(3, 8, 8)])
    assert math.isnan(flicker(clip, clip))


def test_true_motion_is_no_warping_error_but_flicker_is() -> None:
    truth = panning()
    own = warping_error(truth, truth)
    unmoved = float((truth[1:] - truth[:-1]).square().mean())
    assert own < unmoved / 20
    flickering = truth + torch.tensor([0.0, 0.1, 0.0, 0.1]).view(4, 1, 1, 1)
    assert warping_error(flickering, truth) == pytest.approx(0.01, rel=0.1)


def test_motion_that_the_truth_does_not_have_is_a_warping_error() -> None:
    truth = texture().expand(4, 3, 64, 64)
    assert warping_error(panning(), truth) > 100 * warping_error(truth, truth)


@pytest.mark.parametrize("measure", [flicker, warping_error])
def test_a_single_picture_is_no_clip(measure: object) -> None:
    with pytest.raises(ValueError, match="2 or more frames"):
        measure(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32))  # type: ignore[operator]
