from __future__ import annotations

import make
import numpy as np
import pytest
import torch

from vdequant.quantizers.estimate import estimate
from vdequant.quantizers.finding import Finding
from vdequant.quantizers.spaced_levels import spacing_evidence
from vdequant.quantizers.uniform import UniformQuantizer

PICTURE = torch.from_numpy(make.grained(0, 96)).permute(2, 0, 1) / 255
CHANGES = {"limited range": lambda x: (x * 219 + 16) / 255, "darker": lambda x: x * 0.8, "gamma": lambda x: x**1.2}


def found(picture: torch.Tensor) -> Finding:
    return estimate([(picture * 255).round() / 255], lossy_codec=False, stored_bits=8)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("bits", [5, 6])
def test_levels_that_were_changed_are_levels_half_way_to_their_neighbors(change: str, bits: int) -> None:
    stored = CHANGES[change](UniformQuantizer.of_bits((bits, bits, bits)).quantize(PICTURE[None])[0])
    finding = found(stored)
    assert (finding.kind, finding.lossless) == ("lattice", True)
    cells, truth = finding.quantizer.cells(((stored * 255).round() / 255)[None]), CHANGES[change](PICTURE)[None]
    assert torch.maximum(cells.low - truth, truth - cells.high).max() < 1.5 / 255


@pytest.mark.parametrize("contrast", [0.2, 0.5, 1.0])
def test_dark_and_pale_pictures_in_fine_color_stay_fine(contrast: float) -> None:
    assert found(PICTURE * contrast).kind == "fine"
    assert found(0.5 + PICTURE * contrast / 2).kind == "fine"


def test_codes_side_by_side_are_no_evidence() -> None:
    assert spacing_evidence(np.arange(40)) == 0
    assert spacing_evidence(np.array([7])) == 0
    assert spacing_evidence(np.arange(0, 256, 8)) > 12
