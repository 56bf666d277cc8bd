"""Lossy WebP stills are read as the YUV that is stored, and what lies behind the codec is found."""

from __future__ import annotations

import io
from pathlib import Path

import make
import numpy as np
import pytest
import torch
from PIL import Image

import vdequant
from vdequant.color import to_rgb
from vdequant.frames import Frame
from vdequant.media.lossy_webp import step_index
from vdequant.media.source import open_source
from vdequant.settings import Settings


def _read(path: Path) -> Frame:
    with open_source(str(path), Settings()) as source:
        return next(item for item in source if isinstance(item, Frame))


def _shown(path: Path) -> np.ndarray:
    """What picture readers show, upright."""
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB")).astype(np.float32)


@pytest.mark.parametrize("size", [(32, 48), (31, 47), (1, 1)])
def test_planes_are_those_that_picture_readers_make_their_colors_from(size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "in.webp"
    Image.fromarray(make.rgb8(*size)).save(path, quality=60)
    frame = _read(path)
    assert (frame.layout.model, frame.layout.chroma) == ("yuv", (1, 1))
    seen = to_rgb(frame.planes, frame.layout).permute(1, 2, 0).numpy() * 255
    assert np.abs(seen - _shown(path)).max() < 2.5  # they work in whole codes
    assert np.abs(seen - _shown(path)).mean() < 0.8


@pytest.mark.parametrize("orientation", range(2, 9))
def test_photographs_are_set_upright(orientation: int, tmp_path: Path) -> None:
    path = tmp_path / "in.webp"
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(make.rgb8(32, 48))
    picture.save(path, quality=90, exif=exif)
    with Image.open(path) as opened:
        turned = opened.transpose(
            {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}[orientation]  # Pillow's Transpose
        )
        upright = np.array(turned.convert("RGB")).astype(np.float32)
    frame = _read(path)
    assert frame.layout.model == "yuv"
    seen = to_rgb(frame.planes, frame.layout).permute(1, 2, 0).numpy() * 255
    assert np.abs(seen - upright).mean() < 0.8


def test_opacity_comes_along(tmp_path: Path) -> None:
    pixels = np.dstack([make.rgb8(32, 48), np.arange(48, dtype=np.uint8)[None].repeat(32, 0) * 5])
    Image.fromarray(pixels).save(tmp_path / "in.webp", quality=60, exact=True)
    frame = _read(tmp_path / "in.webp")
    assert frame.layout.model == "yuv"
    assert frame.alpha is not None
    assert torch.equal(frame.alpha, torch.from_numpy(pixels[..., 3]))
    vdequant.restore(str(tmp_path / "in.webp"), str(tmp_path / "out.png"), Settings(restorer="deband"))
    with Image.open(tmp_path / "out.png") as written:
        assert np.array_equal(np.array(written)[..., 3], pixels[..., 3])


def test_lossless_webp_stays_rgb(tmp_path: Path) -> None:
    Image.fromarray(make.rgb8(32, 48)).save(tmp_path / "in.webp", lossless=True)
    frame = _read(tmp_path / "in.webp")
    assert frame.layout.model == "rgb"
    assert np.array_equal(torch.stack(frame.planes, -1).numpy(), make.rgb8(32, 48))


def test_a_lossy_webp_is_not_called_fine(tmp_path: Path) -> None:
    truth = make.grained(3, 96)
    Image.fromarray(truth).save(tmp_path / "in.webp", quality=40)
    plan = vdequant.probe(str(tmp_path / "in.webp"))
    assert plan.finding.kind == "lossy"
    assert plan.restorer == "dequantizernet+"


def test_enlarged_drawn_art_is_found_behind_webp(tmp_path: Path) -> None:
    colors = [(20, 30, 60), (200, 40, 40), (250, 220, 90), (60, 160, 70)]
    wide = make.tile_scene(colors).repeat(4, 0).repeat(4, 1)
    Image.fromarray(wide).save(tmp_path / "in.webp", quality=80)
    grid = vdequant.probe(str(tmp_path / "in.webp")).grid
    assert grid is not None
    assert grid.scale == (4, 4)


def test_the_quantizer_of_the_key_frame_is_read() -> None:
    found = []
    for quality in (5, 20, 50, 75, 90, 100):
        file = io.BytesIO()
        Image.fromarray(make.grained(3, 96)).save(file, "WEBP", quality=quality)
        found.append(step_index(file.getvalue()))
    assert None not in found
    assert found == sorted(found, reverse=True)
    assert found[-1] == 0
    assert 45 < found[1] < 75  # by libwebp's formula 66, before its segments differ


@pytest.mark.parametrize("quality", [20, 75, 95])
def test_restoring_a_lossy_webp_gains(quality: int, tmp_path: Path) -> None:
    with Image.open("samples/still_truth.png") as picture:
        truth = np.array(picture.convert("RGB"))[:96, :96]
    Image.fromarray(truth).save(tmp_path / "in.webp", quality=quality)
    vdequant.restore(str(tmp_path / "in.webp"), str(tmp_path / "out.png"), Settings(bits=8))
    with Image.open(tmp_path / "out.png") as written:
        restored = np.array(written.convert("RGB")).astype(np.float32)
    assert np.square(restored - truth).mean() < np.square(_shown(tmp_path / "in.webp") - truth).mean()
