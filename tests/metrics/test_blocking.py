"""PSNR-B counts what is left of the blocks, and nothing else besides the error."""

from __future__ import annotations

import math

import pytest
import torch

from vdequant.metrics.blocking import blocking_effect, psnr_b, studio_luma
from vdequant.metrics.fidelity import psnr


def test_the_blocking_effect_of_two_flat_blocks_is_what_a_hand_computes() -> None:
    plane = torch.zeros(1, 16, 16)
    plane[..., 8:] = 10
    # 16 rows have a step of 10 at the only border across. Across and down there are 16 border steps each, and no
    # step elsewhere: (16 * 100 + 0) / (16 + 16) = 50, times log2(8) / log2(16).
    assert float(blocking_effect(plane)) == pytest.approx(50 * 3 / 4)


def test_steps_elsewhere_are_taken_off() -> None:
    plane = torch.zeros(1, 16, 16)
    plane[..., 8:] = 10
    plane[..., 3:] += 2
    # 16 steps of 2 among 2 * (16 * 15 - 16) = 448 that lie inside blocks.
    assert float(blocking_effect(plane)) == pytest.approx((50 - 16 * 4 / 448) * 3 / 4)


def test_steps_inside_blocks_alone_are_no_blocking() -> None:
    plane = torch.zeros(1, 16, 24)
    plane[..., 3:] = 50
    assert float(blocking_effect(plane)) == 0


def test_psnr_b_is_psnr_without_blocks_and_less_with_them() -> None:
    truth = torch.full((1, 3, 16, 16), 0.5)
    smooth = truth + 4 / 255
    blocky = smooth.clone()
    blocky[..., :8] = 0.5 - 4 / 255
    assert float(psnr_b(smooth, truth)) == pytest.approx(float(psnr(smooth, truth)))
    luma = studio_luma(blocky)
    step = float(luma[0, 0, 8] - luma[0, 0, 7])
    expected = 10 * math.log10(255**2 / (16 + step**2 / 2 * 3 / 4))
    assert float(psnr_b(blocky, truth)) == pytest.approx(expected, abs=1e-4)


def test_studio_luma_goes_from_16_to_235() -> None:
    assert studio_luma(torch.zeros(1, 3, 1, 1)).item() == 16
    assert studio_luma(torch.ones(1, 3, 1, 1)).item() == 235


def test_pictures_of_a_single_block_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 16x16"):
        psnr_b(torch.zeros(1, 3, 8, 64), torch.zeros(1, 3, 8, 64))
