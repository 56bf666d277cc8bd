from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from vdequant.errors import InputError, UsageError
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.palette_files import load_palette
from vdequant.quantizers.spec import parse_quantizer, resolve
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.uniform import UniformQuantizer


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("m=4", [4, 4, 4]),
        ("m=256", [256, 256, 256]),
        ("5-5-5", [32, 32, 32]),
        ("5", [32, 32, 32]),
        ("3-3-2", [8, 8, 4]),
        ("5-6-5/shift", [32, 64, 32]),
        ("5-6-5/floor", [32, 64, 32]),
        ("4/center", [16, 16, 16]),
        ("none", [256, 256, 256]),
    ],
)
def test_levels_and_bits_give_that_many_levels(text: str, counts: list[int]) -> None:
    request = parse_quantizer(text)
    quantizer = resolve(request, [])
    assert not request.needs_pictures
    assert isinstance(quantizer, UniformQuantizer)
    assert [len(channel) for channel in quantizer.levels] == counts


def test_the_expansion_is_heeded() -> None:
    shifted, replicated = (resolve(parse_quantizer(text), []) for text in ("5/shift", "5/replicate"))
    white = torch.ones(1, 3, 1, 1)
    assert (shifted.quantize(white) * 255).round().unique().item() == 248
    assert torch.equal(replicated.quantize(white), white)


def test_lossy_is_given_in_8_bit_codes() -> None:
    quantizer = resolve(parse_quantizer("lossy:2.5"), [])
    assert isinstance(quantizer, ToleranceQuantizer)
    assert quantizer.tolerance == pytest.approx(2.5 / 255)


def test_a_palette_without_a_file_takes_the_most_frequent_colors_of_the_pictures() -> None:
    picture = torch.zeros(3, 4, 4)
    picture[:, 0] = 1.0
    picture[0, 1, 0] = 0.2
    request = parse_quantizer("palette:2")
    quantizer = resolve(request, [picture])
    assert request.needs_pictures
    assert isinstance(quantizer, PaletteQuantizer)
    assert quantizer.palette.tolist() == [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    assert len(resolve(parse_quantizer("palette"), [picture]).palette) == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    ["", "m=1", "m=257", "m=x", "5-5", "9-9-9", "0", "5-6-5/up", "palette:0", "palette:x.txt", "lossy:0", "lossy:abc",
     "lossy:999", "mp3", "5-5-5-5", "m=-4", "5/", "palette:"],
)  # fmt: skip
def test_anything_else_is_a_usage_error_of_one_line_with_the_forms(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_quantizer(text)
    assert "m=LEVELS" in str(caught.value)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_auto_is_left_to_the_estimate() -> None:
    request = parse_quantizer("auto")
    assert request.needs_pictures
    with pytest.raises(ValueError, match="estimate"):
        resolve(request, [torch.zeros(3, 4, 4)])


COLORS = [(0, 0, 0), (255, 128, 1), (16, 32, 64)]


def write_palette(path: Path) -> Path:
    lines = [f"{r} {g} {b}" for r, g, b in COLORS]
    if path.suffix == ".gpl":
        path.write_text("GIMP Palette\nName: three\nColumns: 2\n# a comment\n" + "\tname\n".join(lines) + "\n")
    elif path.suffix == ".hex":
        path.write_text("\n".join(f"{r:02x}{g:02X}{b:02x}" for r, g, b in COLORS) + "\n")
    elif path.suffix == ".pal":
        path.write_text("JASC-PAL\r\n0100\r\n3\r\n" + "\r\n".join(lines) + "\r\n")
    elif path.suffix == ".act":
        table = bytes(v for color in COLORS for v in color).ljust(768, b"\0")
        path.write_bytes(table + (3).to_bytes(2, "big") + b"\xff\xff")
    else:
        picture = Image.new("RGB", (3, 1))
        for x, color in enumerate(COLORS):
            picture.putpixel((x, 0), color)
        picture.save(path)
    return path


@pytest.mark.parametrize("suffix", [".gpl", ".hex", ".pal", ".act", ".png"])
def test_each_kind_of_palette_file_gives_its_colors(tmp_path: Path, suffix: str) -> None:
    path = write_palette(tmp_path / f"three{suffix}")
    codes = (load_palette(path) * 255).round().int().tolist()
    assert sorted(tuple(color) for color in codes) == sorted(COLORS)
    quantizer = resolve(parse_quantizer(f"palette:{path}"), [])
    assert isinstance(quantizer, PaletteQuantizer)
    assert len(quantizer.palette) == 3


@pytest.mark.parametrize("suffix", [".gpl", ".hex", ".pal", ".act", ".png"])
def test_a_damaged_or_missing_palette_is_an_input_error_of_one_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"broken{suffix}"
    for content in (None, b"this is no palette, whatever its name says"):
        if content:
            path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            load_palette(path)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_palette_file_with_numbers_above_255_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bright.gpl"
    path.write_text("GIMP Palette\n300 0 0\n")
    with pytest.raises(InputError, match="0 to 255"):
        load_palette(path)
