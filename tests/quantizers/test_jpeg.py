"""Our JPEG is libjpeg's, and its cells say what a decoded picture can tell."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from vdequant.errors import UsageError
from vdequant.quantizers.jpeg import JpegQuantizer
from vdequant.quantizers.jpeg_codec import Subsampling, tables_of

PILLOW = {"444": 0, "422": 1, "420": 2}


def photograph(height: int, width: int, contrast: float = 60, seed: int = 0) -> torch.Tensor:
    """Colored waves with grain, ``(1, 3, height, width)`` of 8-bit codes / 255; cut at black and white if need be."""
    down, across = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    waves = torch.stack([torch.sin(across / 9 + down / (7 + i) + i + seed) for i in range(3)])
    grain = 5 * torch.randn(3, height, width, generator=torch.Generator().manual_seed(seed))
    return (127 + contrast * waves + grain).round().clamp(0, 255)[None] / 255


def noise(height: int, width: int) -> torch.Tensor:
    return torch.randint(256, (1, 3, height, width), generator=torch.Generator().manual_seed(9)) / 255


def jpeg_file(x: torch.Tensor, quality: int, subsampling: str) -> bytes:
    pixels = (x[0] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=PILLOW[subsampling])
    return buffer.getvalue()


@pytest.mark.parametrize("subsampling", ["444", "422", "420"])
@pytest.mark.parametrize("quality", [1, 10, 50, 75, 95, 100])
def test_quantize_shows_what_pillow_and_opencv_show(quality: int, subsampling: Subsampling) -> None:
    quantizer = JpegQuantizer(quality, subsampling)
    sizes = [(64, 48), (37, 51), (18, 20), (8, 5), (9, 2), (1, 1)]
    for x in [*(photograph(*size) for size in sizes), photograph(40, 40, 140), noise(33, 24)]:
        file = jpeg_file(x, quality, subsampling)
        ours = (quantizer.quantize(x)[0] * 255).round().permute(1, 2, 0).numpy()
        pillow = np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(np.float32)
        opencv = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32)
        # libjpeg-turbo: equal to the last bit. One code is left for builds with another inverse transform.
        assert np.abs(ours - pillow).max() <= 1
        assert np.abs(ours - opencv).max() <= 1
        assert np.abs(ours - pillow).mean() <= 0.02


def test_the_steps_are_those_in_the_file() -> None:
    for quality in (1, 25, 50, 90, 100):
        tables = Image.open(io.BytesIO(jpeg_file(photograph(8, 8), quality, "420"))).quantization
        luma, chroma = tables_of(quality)
        assert [int(v) for v in luma.flatten()] == list(tables[0])
        assert [int(v) for v in chroma.flatten()] == list(tables[1])


@pytest.mark.parametrize("subsampling", ["444", "422", "420"])
@pytest.mark.parametrize("quality", [5, 30, 75])
def test_the_coefficients_of_saturated_pictures_are_recovered(quality: int, subsampling: Subsampling) -> None:
    quantizer = JpegQuantizer(quality, subsampling)
    x = photograph(48, 32, contrast=140)
    y = quantizer.quantize(x)
    assert ((y == 0) | (y == 1)).float().mean() > 0.1
    cells = quantizer.cells(y)
    assert cells.unsure.float().mean() < 0.2
    for found, written in zip(cells.coefficients.planes, quantizer.encode(x).planes, strict=True):
        assert (found == written).float().mean() > 0.98  # others that decode to the same picture are as good
    assert cells.contains(x).all()


@pytest.mark.parametrize("quality", [10, 50, 90, 100])
def test_noise_of_any_size_lies_in_the_cells_of_its_coefficients(quality: int) -> None:
    for x in (noise(37, 51), noise(32, 32)):
        for subsampling in ("444", "422", "420"):
            quantizer = JpegQuantizer(quality, subsampling)  # type: ignore[arg-type]
            assert quantizer.cells_of(quantizer.encode(x)).contains(x).all()


def test_project_brings_saturated_and_cut_blocks_close_to_rest() -> None:
    for quality in (10, 50):
        quantizer = JpegQuantizer(quality, "420")
        cells = quantizer.cells(quantizer.quantize(photograph(37, 51, contrast=140)))
        once = cells.project(noise(37, 51))
        assert cells.contains(once).all()
        assert (cells.project(once) - once).abs().max() < 4e-3  # a code: 40 rounds were not enough to settle


def test_projected_pictures_are_written_to_the_same_file() -> None:
    quantizer = JpegQuantizer(40, "420")
    x = photograph(48, 64)
    projected = quantizer.cells(quantizer.quantize(x)).project(photograph(48, 64, seed=3))
    assert jpeg_file(projected, 40, "420") == jpeg_file(x, 40, "420")


def test_a_picture_that_is_no_jpeg_gets_the_boxes_around_its_coefficients() -> None:
    y = photograph(32, 32)
    cells = JpegQuantizer(20, "444").cells(y)
    assert cells.unsure.all()
    assert cells.contains(y).all()
    assert not cells.contains(1 - y).any()


def test_the_reach_is_where_the_first_coefficient_leaves_its_box() -> None:
    quantizer = JpegQuantizer(30, "420")
    y = torch.full((1, 3, 16, 16), 128 / 255)
    cells = quantizer.cells(y)
    for channel in range(3):
        way = (cells.high - y)[0, channel, 5, 6]
        for share, inside in ((0.8, True), (1.3, False)):  # TOLERANCE, 2 codes, lies in between
            x = y.clone()
            x[0, channel, 5, 6] += share * way
            assert cells.contains(x).all() == inside


def test_a_block_is_judged_as_a_whole_and_its_neighbors_are_not() -> None:
    quantizer = JpegQuantizer(50, "444")
    y = quantizer.quantize(photograph(24, 24))
    x = y.clone()
    x[0, 1, 8:12, 8:16] += 0.3
    inside = quantizer.cells(y).contains(x).clone()
    assert not inside[..., 8:16, 8:16].any()
    inside[..., 8:16, 8:16] = True
    assert inside.all()


def test_settings_that_libjpeg_does_not_have_are_refused() -> None:
    with pytest.raises(UsageError, match="between 1 and 100, got 0"):
        JpegQuantizer(0)
    with pytest.raises(UsageError, match="444, 422, 420"):
        JpegQuantizer(50, "411")  # type: ignore[arg-type]


def test_tables_of_any_make_are_used_as_they_are_given() -> None:
    steps = torch.arange(1.0, 65).reshape(8, 8)
    quantizer = JpegQuantizer((steps, steps.T), "444")
    assert quantizer.quality is None
    assert "steps of 1 to 64" in quantizer.describe()
    x = photograph(32, 40)
    buffer = io.BytesIO()
    tables = [[int(step) for step in table.flatten()] for table in quantizer.tables]
    pixels = (x[0] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(pixels).save(buffer, "JPEG", qtables=tables, subsampling=0)
    shown = torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1)
    assert ((quantizer.quantize(x)[0] * 255).round() - shown).abs().max() <= 1
    cells = quantizer.cells(quantizer.quantize(x))
    assert torch.equal(cells.tables[0], steps.double())
    assert cells.contains(x).float().mean() > 0.9


def test_tables_of_a_quality_are_known_for_it() -> None:
    assert JpegQuantizer(tables_of(37)).quality == 37
    for wrong in (torch.zeros(8, 8), torch.full((8, 8), 1.5), torch.ones(4, 4)):
        with pytest.raises(ValueError, match="8x8 whole numbers"):
            JpegQuantizer((torch.ones(8, 8), wrong))


@pytest.mark.parametrize("quality", [1, 10, 40, 90])
def test_whatever_is_projected_lands_in_its_cells_also_where_colors_are_cut(quality: int) -> None:
    quantizer = JpegQuantizer(quality)
    y = quantizer.quantize(photograph(48, 64, contrast=160))
    cells = quantizer.cells(y)
    for proposal in (photograph(48, 64, seed=3), noise(48, 64), y.mean() + 0 * y):
        assert cells.contains(cells.project(proposal)).all()


def test_flat_colors_whose_roundings_all_go_one_way_stay_inside() -> None:
    quantizer = JpegQuantizer(75)
    y = quantizer.quantize(torch.tensor([1.0, 1.0, 0.92]).reshape(1, 3, 1, 1).expand(1, 3, 32, 32).clone())
    cells = quantizer.cells(y)
    assert cells.contains(cells.project(y * 0.97)).all()


def test_a_decoder_that_rounds_otherwise_is_allowed_some_slack() -> None:
    y = JpegQuantizer(40).quantize(photograph(48, 64))
    shown = (y + (torch.rand(y.shape, generator=torch.Generator().manual_seed(1)) - 0.5) * 4 / 255).clamp(0, 1)
    exact, loose = JpegQuantizer(40).cells(shown), JpegQuantizer(40, slack=3.5).cells(shown)
    assert exact.unsure.all()
    assert not loose.unsure.any()
    true = JpegQuantizer(40).cells(y)
    for found, written in zip(loose.coefficients.planes, true.coefficients.planes, strict=True):
        assert (found == written).float().mean() > 0.99
