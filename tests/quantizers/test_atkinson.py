"""Atkinson's dither of two tones: it is told from other kernels, and the contrast that it adds is taken back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from vdequant.quantizers.atkinson import is_atkinsons, shades_of_means, softened
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.error_diffusion import KERNELS
from vdequant.quantizers.estimate import estimate
from vdequant.quantizers.mean_cells import MeanCells
from vdequant.quantizers.threshold import GrayQuantizer, ThresholdQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.cellnet import CellnetSmall

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
HIS = DitherQuantizer(ThresholdQuantizer(), "atkinson")


def scene() -> Tensor:
    with Image.open(SAMPLES / "still_truth.png") as picture:
        values = torch.from_numpy(np.asarray(picture.convert("L")).copy())
    return (values / 255).expand(1, 3, -1, -1).contiguous()


@pytest.mark.parametrize("kind", KERNELS)
def test_his_dither_is_told_from_that_of_other_kernels(kind: str) -> None:
    stored = DitherQuantizer(ThresholdQuantizer(), kind).quantize(scene())[0]
    assert is_atkinsons([stored]) is (kind == "atkinson")
    assert is_atkinsons([1 - stored]) is (kind == "atkinson")


def test_drawings_of_a_few_lines_are_nobodys_dither() -> None:
    drawing = torch.ones(3, 120, 160)
    drawing[:, 60] = 0
    assert not is_atkinsons([drawing])
    assert not is_atkinsons([])


@pytest.mark.parametrize("shade", [0.2, 0.4, 0.5, 0.7, 0.85])
def test_a_flat_shade_is_found_behind_its_mean(shade: float) -> None:
    mean = HIS.quantize(torch.full((1, 3, 96, 96), shade))[..., 32:-32, 32:-32].mean()
    assert float(softened(mean.expand(1, 3, 1, 1)).mean()) == pytest.approx(shade, abs=0.03)
    assert abs(float(mean) - 0.5) >= abs(shade - 0.5) - 0.02


def test_the_curve_rises_steeply_from_black_which_stays_as_white_does() -> None:
    curve = shades_of_means()
    assert bool((curve.diff() >= 0).all())
    assert (float(curve[0]), float(curve[-1])) == (0, 1)
    assert float(curve[1]) > 0.08
    assert float(curve[-2]) < 0.92


@pytest.mark.parametrize(
    ("quantizer", "driven"),
    [
        (HIS, True),
        (DitherQuantizer(UniformQuantizer.of_bits([1, 1, 1]), "atkinson"), True),
        (DitherQuantizer(ThresholdQuantizer(), "fs"), False),
        (DitherQuantizer(GrayQuantizer(2), "atkinson"), False),
        (DitherQuantizer(UniformQuantizer.of_bits([2, 2, 2]), "atkinson"), False),
    ],
)
def test_two_tones_of_his_dither_are_known_to_be_driven_apart(quantizer: DitherQuantizer, driven: bool) -> None:
    cells = quantizer.cells(quantizer.quantize(scene()))
    assert isinstance(cells, MeanCells)
    assert cells.atkinson is driven


def test_a_picture_that_is_found_comes_nearer_than_taken_for_another_kernels() -> None:
    truth = scene()
    y = HIS.quantize(truth)
    finding = estimate([y[0]], lossy_codec=False, stored_bits=8)
    assert isinstance(finding.quantizer, DitherQuantizer)
    assert finding.quantizer.kind == "atkinson"
    plain = DitherQuantizer(ThresholdQuantizer(), "fs")
    with torch.inference_mode():
        errors = [
            float((CellnetSmall().restore(y, one.cells(y)) - truth).square().mean())
            for one in (finding.quantizer, plain)
        ]
    assert errors[0] < 0.8 * errors[1]
