from __future__ import annotations

import numpy as np
import pytest
import torch

from vdequant.frames import Layout, Matrix
from vdequant.quantizers.explaining import explain, explain_again
from vdequant.quantizers.folding import rgb_to_codes
from vdequant.quantizers.known_palettes import known_palettes
from vdequant.quantizers.modes import Modes

YUV = Layout(64, 64, "yuv", 8, (1, 1), Matrix.BT709, False)
BOTH = (Matrix.BT709, Matrix.SMPTE170M)


def peaks(colors: np.ndarray, matrix: Matrix = Matrix.SMPTE170M) -> Modes:
    """The rounded codes of 8-bit colors, equally heavy."""
    codes = rgb_to_codes(torch.from_numpy(colors / 255), YUV, matrix).round().numpy()
    return Modes(codes, np.full(len(colors), 100), 0.9, 100 * len(colors))


def lattice(bits: int, how: str, count: int = 40) -> np.ndarray:
    codes = np.random.default_rng(2).integers(0, 1 << bits, (count, 3))
    shifted = codes << (8 - bits)
    return shifted if how == "shift" else shifted | (shifted >> bits)


@pytest.mark.parametrize(("bits", "how", "name"), [(5, "replicate", "5 bits"), (4, "shift", "4 bits shifted")])
@pytest.mark.parametrize("matrix", BOTH, ids=["BT.709", "BT.601"])
def test_lattice_and_matrix_are_found_together(bits: int, how: str, name: str, matrix: Matrix) -> None:
    colors = lattice(bits, how)
    found = explain(peaks(colors, matrix), YUV, BOTH)
    assert (found.name, found.matrix) == (name, matrix)
    assert np.abs(found.colors - colors).max() <= 1
    assert found.fits.mean() > 0.9


def test_the_palette_of_a_machine_is_found_by_a_dozen_of_its_colors() -> None:
    colors = known_palettes()["NES YUV-V3"][::5]
    found = explain(peaks(colors), YUV, BOTH)
    assert (found.name, found.matrix, found.levels) == ("NES YUV-V3", Matrix.SMPTE170M, None)
    assert np.array_equal(found.colors, colors)


def test_free_colors_are_not_explained_and_stay_as_decoded() -> None:
    colors = np.random.default_rng(5).integers(0, 256, (30, 3))
    found = explain(peaks(colors, Matrix.BT709), YUV, BOTH)
    assert (found.name, found.matrix) == ("", Matrix.BT709)
    assert np.abs(found.colors - colors).max() <= 2


def test_grays_are_not_explained() -> None:
    assert explain(peaks(np.array([[k, k, k] for k in (0, 85, 153, 255)])), YUV, BOTH).name == ""


def test_a_lattice_once_found_takes_further_colors() -> None:
    known = explain(peaks(lattice(5, "replicate")), YUV, BOTH)
    more = lattice(5, "replicate", 60)[40:]
    found = explain_again(peaks(more), YUV, known)
    assert np.abs(found.colors - more).max() <= 1
    assert found.fits.all()
