from __future__ import annotations

import torch

from vdequant.quantizers.grid import Grid
from vdequant.quantizers.noise import LEAST, MOST, TYPICAL, flicker, ringing


def test_still_pictures_tell_nothing() -> None:
    picture = torch.randint(0, 255, (64, 64)).float()
    assert flicker([picture, picture]) == TYPICAL
    assert flicker([picture]) == TYPICAL


def test_more_flicker_gives_a_larger_tolerance_within_bounds() -> None:
    picture = torch.full((64, 64), 100.0)
    radii = [flicker([picture + size * torch.randn(64, 64) for _ in range(3)]) for size in (0.2, 1.5)]
    assert LEAST <= radii[0] < radii[1] <= MOST


def test_more_ringing_inside_native_pixels_gives_a_larger_tolerance() -> None:
    native = torch.randint(0, 255, (16, 16)).float().repeat_interleave(3, 0).repeat_interleave(3, 1)
    radii = [ringing([native + size * torch.randn(48, 48)], Grid.of_scale((3, 3), 48, 48)) for size in (0.1, 2.0, 50.0)]
    assert radii[0] == LEAST
    assert radii[0] < radii[1] < radii[2] == MOST
