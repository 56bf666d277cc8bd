from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from vdequant.frames import Frame, Layout
from vdequant.quantizers.blends import Blend
from vdequant.quantizers.estimate import Finding, estimate
from vdequant.quantizers.gray_palette import GrayPalette
from vdequant.quantizers.grid import Grid, blended_axis
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.uniform import UniformQuantizer


def photo(seed: int = 0, side: int = 64) -> torch.Tensor:
    """Smooth colored waves with grain, ``(3, side, side)``: hundreds of values a channel."""
    random = torch.Generator().manual_seed(seed)
    down, across = torch.arange(side)[:, None] / 17, torch.arange(side) / 23
    waves = [torch.sin(down * (i + 1) + across * (3 - i) + seed) * 0.45 + 0.5 for i in range(3)]
    return (torch.stack(waves) + 0.02 * torch.randn(3, side, side, generator=random)).clamp(0, 1)


def as_8_bits(x: torch.Tensor) -> torch.Tensor:
    return (x * 255).round() / 255


def found(*pictures: torch.Tensor, lossy_codec: bool = False, stored_bits: int = 8) -> Finding:
    return estimate(list(pictures), lossy_codec=lossy_codec, stored_bits=stored_bits)


def tiles(colors: list[tuple[int, int, int]], side: int = 64, tile: int = 3) -> torch.Tensor:
    """Flat tiles of the colors in a fixed random order, ``(3, side, side)``."""
    count = -(-side // tile)
    order = torch.randint(len(colors), (count, count), generator=torch.Generator().manual_seed(1))
    order = order.repeat_interleave(tile, 0).repeat_interleave(tile, 1)[:side, :side]
    return (torch.tensor(colors, dtype=torch.float32)[order] / 255).permute(2, 0, 1)


@pytest.mark.parametrize("m", [2, 3, 4, 6, 8, 16, 32, 64])
@pytest.mark.parametrize("eight_bits", [True, False], ids=["8-bit file", "deep file"])
def test_levels_per_channel_are_counted(m: int, eight_bits: bool) -> None:
    stored = UniformQuantizer.of_levels(m).quantize(photo()[None])[0]
    finding = found(as_8_bits(stored) if eight_bits else stored, stored_bits=8 if eight_bits else 16)
    assert (finding.kind, finding.levels, finding.lossless) == ("lattice", (m, m, m), True)
    cells, truth = finding.quantizer.cells(stored[None]), photo()[None]
    # Borders half way differ from the true ones by the rounding of the levels to 8 bits only.
    outside = torch.maximum(cells.low - truth, truth - cells.high)
    assert outside.max() <= 0.51 / 255


@pytest.mark.parametrize(
    ("bits", "expansion", "levels"),
    [
        ((5, 5, 5), "replicate", (32, 32, 32)),
        ((5, 6, 5), "replicate", (32, 64, 32)),
        ((5, 6, 5), "shift", (32, 64, 32)),
        ((3, 3, 2), "replicate", (8, 8, 4)),
        ((4, 4, 4), "floor", (16, 16, 16)),
        ((6, 6, 6), "shift", (64, 64, 64)),
    ],
)
def test_bit_depths_are_recognized(bits: tuple[int, ...], expansion: str, levels: tuple[int, ...]) -> None:
    stored = UniformQuantizer.of_bits(bits, expansion).quantize(photo()[None])[0]  # type: ignore[arg-type]
    finding = found(as_8_bits(stored))
    assert (finding.kind, finding.levels) == ("lattice", levels)


def test_a_fine_photograph_is_fine() -> None:
    finding = found(as_8_bits(photo()))
    assert (finding.kind, finding.native_scale, finding.dithered) == ("fine", (1, 1), False)
    assert isinstance(finding.quantizer, UniformQuantizer)


def test_a_gray_photograph_is_no_palette() -> None:
    finding = found(as_8_bits(photo()[:1].expand(3, -1, -1)))
    assert finding.kind == "fine"


def test_a_fine_10_bit_file_has_cells_of_its_own_step() -> None:
    finding = found((photo() * 1023).round() / 1023, stored_bits=10)
    assert finding.kind == "fine"
    assert isinstance(finding.quantizer, ToleranceQuantizer)
    assert finding.quantizer.tolerance == pytest.approx(0.5 / 1023)


GRAYS = [(0, 0, 0), (85, 85, 85), (153, 153, 153), (255, 255, 255)]
FREE = [(13, 7, 0), (66, 49, 32), (79, 64, 34), (92, 78, 48), (108, 79, 79), (153, 129, 112), (181, 147, 165)]
EGA = [(r, g, b) for r, g, b in [(0, 0, 0), (0, 0, 170), (0, 170, 0), (0, 170, 170), (170, 0, 0), (170, 0, 170)]]
EGA += [(170, 85, 0), (170, 170, 170), (85, 85, 85), (85, 85, 255), (85, 255, 85), (255, 255, 85), (255, 255, 255)]


@pytest.mark.parametrize("colors", [GRAYS, FREE, EGA], ids=["four grays", "free colors", "EGA"])
def test_few_colors_off_any_lattice_are_a_palette(colors: list[tuple[int, int, int]]) -> None:
    picture = tiles(colors)
    finding = found(picture)
    assert (finding.kind, finding.colors, finding.dithered) == ("palette", len(colors), False)
    assert isinstance(finding.quantizer, GrayPalette if colors is GRAYS else PaletteQuantizer)
    assert torch.equal(finding.quantizer.quantize(picture[None])[0], picture)


def test_colors_of_a_palette_in_yuv_444_are_still_a_palette() -> None:
    near = tiles(FREE) + torch.tensor([0.0007, -0.0004, 0.0011]).reshape(3, 1, 1)
    finding = found(near.clamp(0, 1))
    assert finding.kind == "palette"
    assert finding.quantizer.cells(near.clamp(0, 1)[None]).high.gt(near + 1 / 255).all()


def test_a_few_colors_on_a_console_lattice_are_a_lattice() -> None:
    codes = [0, 16, 33, 41, 49, 82, 107, 123, 173, 222, 239, 255]  # of 5 bits replicated
    colors = [(codes[i], codes[-1 - i], codes[(5 * i) % 12]) for i in range(12)]
    finding = found(tiles(colors))
    assert (finding.kind, finding.levels, finding.colors) == ("lattice", (32, 32, 32), 12)


def test_one_color_alone_says_nothing() -> None:
    assert found(torch.zeros(3, 32, 32)).kind == "fine"


def test_a_tiny_picture_has_few_colors_only_because_it_is_tiny() -> None:
    assert found(as_8_bits(photo(side=12))).kind == "fine"


def test_a_lossy_codec_gives_a_tolerance() -> None:
    for picture in (photo(), as_8_bits(photo()), tiles(FREE) + 0.01 * torch.rand(3, 64, 64)):
        finding = found(picture, lossy_codec=True)
        assert (finding.kind, finding.lossless, finding.native_scale) == ("lossy", False, (1, 1))
        assert isinstance(finding.quantizer, ToleranceQuantizer)
        assert 2 / 255 <= finding.quantizer.tolerance <= 8 / 255


def test_8_bit_yuv_of_a_lossless_codec_counts_as_a_little_lossy() -> None:
    finding = found(photo(), lossy_codec=False, stored_bits=8)
    assert finding.kind == "lossy"


def test_exact_pictures_in_a_lossy_codec_are_recognized() -> None:
    assert found(tiles(FREE), lossy_codec=True).kind == "palette"
    stored = UniformQuantizer.of_bits((5, 5, 5)).quantize(photo()[None])[0]
    assert found(as_8_bits(stored), lossy_codec=True).kind == "lattice"


def test_enlarged_art_is_found_and_named_in_the_description() -> None:
    enlarged = tiles(FREE, tile=1).repeat_interleave(2, -2).repeat_interleave(4, -1)
    finding = found(enlarged, enlarged.flip(-1).flip(-2))
    assert finding.native_scale == (4, 2)
    assert "4x2" in finding.description
    assert "\n" not in finding.description


def test_no_pictures_or_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        found()
    with pytest.raises(ValueError, match=r"\(3, H, W\)"):
        found(torch.rand(1, 3, 8, 8))


def framed(picture: torch.Tensor) -> Frame:
    height, width = picture.shape[-2:]
    planes = tuple((picture * 255).round().to(torch.uint8))
    return Frame(planes, Layout(width, height), 0, 0, Fraction(1, 60))


@pytest.mark.parametrize("kernel", ["bilinear", "area"])
def test_the_clean_colors_behind_a_scaler_of_a_lossless_capture_are_found(kernel: str) -> None:
    grid = Grid(blended_axis(Blend(kernel, 4.5), 288), blended_axis(Blend(kernel, 4.5), 288))
    colors = [(255, 0, 0), (66, 115, 231), (16, 115, 231), (255, 255, 255), (222, 165, 99), (49, 57, 57), (0, 148, 148)]
    native = [tiles(colors, tile=size) for size in (2, 3)]
    stored = [as_8_bits(grid.widen(picture).clamp(0, 1)) for picture in native]
    finding = estimate(stored, lossy_codec=False, stored_bits=8, frames=[framed(each) for each in stored])
    assert finding.grid is not None
    assert finding.grid.size == (64, 64)
    assert (finding.kind, finding.recovery is not None) == ("lattice", True)
    assert "behind a scaler, 100.0% of pixels snapped" in finding.description


def test_blended_photographs_stay_fine() -> None:
    grid = Grid(blended_axis(Blend("bilinear", 4.5), 288), blended_axis(Blend("bilinear", 4.5), 288))
    stored = [as_8_bits(grid.widen(photo(seed))) for seed in (0, 1)]
    finding = estimate(stored, lossy_codec=False, stored_bits=8, frames=[framed(each) for each in stored])
    assert (finding.kind, finding.grid) == ("fine", None)
