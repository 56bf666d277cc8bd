from __future__ import annotations

import make
import pytest
import torch

from vdequant.quantizers.census import count_colors
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.estimate import estimate
from vdequant.quantizers.finding import Finding
from vdequant.quantizers.lattices import find_lattice
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.palettes_from import palette_from
from vdequant.quantizers.scattered import neighbored
from vdequant.quantizers.uniform import UniformQuantizer

PICTURE = torch.from_numpy(make.grained(0, 96)).permute(2, 0, 1)[None] / 255


def as_8_bits(x: torch.Tensor) -> torch.Tensor:
    return (x * 255).round() / 255


def in_a_console_palette(colors: int, bits: int, dither: str) -> torch.Tensor:
    """The picture in so many colors that can be had with ``bits`` a channel, ``(3, 96, 96)``."""
    chosen = palette_from([PICTURE[0]], colors).T[None, :, :, None]
    exact = as_8_bits(UniformQuantizer.of_bits((bits, bits, bits)).quantize(chosen))
    palette = PaletteQuantizer(torch.unique(exact[0, :, :, 0].T, dim=0))
    return (DitherQuantizer(palette, dither) if dither else palette).quantize(PICTURE)[0]


def in_levels(bits: int, dither: str) -> torch.Tensor:
    levels = UniformQuantizer.of_bits((bits, bits, bits))
    return as_8_bits((DitherQuantizer(levels, dither) if dither else levels).quantize(PICTURE)[0])


def found(picture: torch.Tensor) -> Finding:
    return estimate([picture], lossy_codec=False, stored_bits=8)


@pytest.mark.parametrize("dither", ["fs", "bayer4"])
@pytest.mark.parametrize(("colors", "bits"), [(16, 5), (32, 4), (64, 6)])
def test_a_dithered_palette_on_a_lattice_is_a_palette(colors: int, bits: int, dither: str) -> None:
    finding = found(in_a_console_palette(colors, bits, dither))
    assert (finding.kind, finding.dithered) == ("palette", True)
    assert isinstance(finding.quantizer, PaletteQuantizer)


@pytest.mark.parametrize("bits", [2, 3])
@pytest.mark.parametrize("dither", ["fs", "bayer4"])
def test_dithered_levels_of_few_colors_stay_levels(bits: int, dither: str) -> None:
    finding = found(in_levels(bits, dither))
    assert finding.colors <= 256
    assert (finding.kind, finding.dithered) == ("lattice", True)


def test_colors_of_a_lattice_without_dither_stay_levels_as_they_may_be_drawn() -> None:
    assert found(in_a_console_palette(16, 5, "")).kind == "lattice"


def test_levels_have_their_next_colors_a_step_away_and_palettes_have_not() -> None:
    shares = []
    for picture in (in_levels(3, ""), in_a_console_palette(16, 5, "")):
        census = count_colors([picture])
        lattice = find_lattice(census)
        assert lattice is not None
        shares.append(neighbored(census, lattice))
    assert shares[0] > 0.999
    assert shares[1] < 0.5
