from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from vdequant.errors import InputError, UsageError
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.palette_files import load_palette
from vdequant.quantizers.palettes_from import METHODS
from vdequant.quantizers.spec import Request, parse_quantizer, parse_target, resolve, resolve_target, with_dither
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
        ("cut:10", [128, 256, 128]),
        ("cut:30/replicate", [64, 64, 32]),
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


BAD = [
    "", "m=1", "m=257", "m=x", "5-5", "9-9-9", "0", "5-6-5/up", "palette:0", "palette:x.txt", "palette:70000", "mp3",
    "5-5-5-5", "m=-4", "5/", "palette:", "palette:16/wu", "palette:virtualboy", "gray:", "gray:0", "gray:1.5",
    "gray:m=1", "jpeg:", "jpeg:0", "jpeg:101", "jpeg:50/411", "chroma:444", "chroma:420/right", "+fs", "m=4+",
    "m=4+riemersma", "nes+fs", "jpeg:10+fs", "none+fs", "m=4+fs+fs", "\u0665",
]  # fmt: skip


@pytest.mark.parametrize("text", [*BAD, "lossy:0", "lossy:abc", "lossy:999", "random", "random:1"])
def test_anything_else_is_a_usage_error_of_one_line_that_says_what_would_do(text: str) -> None:
    assert_refused(text, parse_quantizer, "--quantizer")


@pytest.mark.parametrize("text", [*BAD, "auto", "lossy:4", "palette", "random:", "random:x", "palette+fs", "auto+fs"])
def test_the_same_goes_for_targets(text: str) -> None:
    assert_refused(text, parse_target, "--to")


def assert_refused(text: str, parse: Callable[[str], Request], option: str) -> None:
    with pytest.raises(UsageError, match=r"^expected .*got ") as caught:
        parse(text)
    assert option in str(caught.value)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("parse", [parse_quantizer, parse_target])
def test_a_text_in_no_known_form_is_answered_with_all_forms(parse: Callable[[str], Request]) -> None:
    with pytest.raises(UsageError, match=r"m=LEVELS.*palette:FILE.*jpeg:QUALITY.*nes.*bluenoise"):
        parse("mp3")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gray:0.5", "black and white"),
        ("grey:m=4", "4 gray levels"),
        ("jpeg:10", "JPEG of quality 10, chroma 4:2:0"),
        ("jpeg:90/444", "JPEG of quality 90, chroma 4:4:4"),
        ("chroma:422/center", "4:2:2"),
        ("nes", "NES: a palette of 54 colors, limited in 16x16 blocks"),
        ("snes", "SNES: 32 levels"),
        ("palette:nes", "a palette of 54 colors"),
        ("palette:vga", "64 levels"),
        ("m=4+bayer8", "4 levels per channel, dithered (bayer8)"),
        ("gray:m=2+fs", "2 gray levels, dithered (fs)"),
        ("snes+column", "32 levels per channel, dithered (column)"),
        ("palette:nes+fs", "a palette of 54 colors, dithered (fs)"),
        ("palette:gameboy+atkinson", "a palette of 4 colors, dithered (atkinson)"),
    ],
)
def test_both_directions_read_the_same_words_alike(text: str, words: str) -> None:
    request = parse_quantizer(text)
    assert request == parse_target(text)
    assert words in resolve(request, []).describe()
    assert resolve_target(request, []).describe() == resolve(request, []).describe()


def four_colors() -> torch.Tensor:
    """24 pixels of black and one each of three other colors, and a smooth rest."""
    picture = torch.zeros(3, 6, 8)
    picture[:, 3:] = torch.rand(3, 3, 8)
    picture[:, 0, :3] = torch.eye(3)
    return picture


def test_a_palette_that_was_lost_is_the_pictures_own_and_one_to_be_lost_is_made() -> None:
    pictures = [four_colors()]
    own = resolve(parse_quantizer("palette:4"), pictures)
    made = resolve_target(parse_target("palette:4"), pictures)
    assert isinstance(own, PaletteQuantizer)
    assert isinstance(made, PaletteQuantizer)
    flat = pictures[0].flatten(1).T
    assert torch.cdist(own.palette, flat).amin(1).max() < 1e-3
    assert torch.cdist(made.palette, flat).amin(1).max() > 1e-2


def test_methods_make_palettes_of_their_own() -> None:
    x = [torch.rand(3, 20, 20)]
    found = [resolve_target(parse_target(f"palette:8/{method}"), x).palette for method in METHODS]  # type: ignore[attr-defined]
    assert not torch.equal(found[0], found[1])
    assert not torch.equal(found[1], found[2])


def test_otsus_threshold_is_found_in_fine_pictures_and_guessed_for_stored_ones() -> None:
    dark = torch.where(torch.rand(3, 20, 20) < 0.5, 0.1, 0.3)[:1].expand(3, -1, -1)
    assert 0.1 < resolve_target(parse_target("gray:otsu"), [dark]).delta < 0.3  # type: ignore[attr-defined]
    assert resolve(parse_quantizer("gray:otsu"), [dark]).delta == 0.5  # type: ignore[attr-defined]


def test_random_depths_keep_12_to_22_bits_and_depend_on_the_seed() -> None:
    found = [resolve_target(parse_target(f"random:{seed}"), []) for seed in (1, 1, 2, 3)]
    bits = [sum(len(levels).bit_length() - 1 for levels in quantizer.levels) for quantizer in found]  # type: ignore[attr-defined]
    assert all(12 <= total <= 22 for total in bits)
    assert found[0].describe() == found[1].describe()
    assert len({quantizer.describe() for quantizer in found}) > 1
    unsaid = [resolve_target(parse_target("random"), [], seed=seed).describe() for seed in (1, 2)]
    assert unsaid == [found[0].describe(), found[2].describe()]


def test_a_palette_file_of_one_color_will_do_and_one_of_70_000_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.hex").write_text("102030\n" * 3)
    one = resolve_target(parse_target(f"palette:{tmp_path}/one.hex+fs"), [])
    assert one.quantize(torch.rand(1, 3, 5, 5)).unique().numel() == 3
    (tmp_path / "many.hex").write_text("\n".join(f"{code:06x}" for code in range(70_000)))
    with pytest.raises(UsageError, match=r"at most 4096 colors in .*many\.hex', got 70000"):
        resolve(parse_quantizer(f"palette:{tmp_path}/many.hex"), [])


def test_dither_may_be_an_option_of_its_own_but_not_two() -> None:
    assert with_dither(parse_target("m=4"), "fs") == parse_target("m=4+fs")
    assert with_dither(parse_target("m=4+fs"), "none") == parse_target("m=4+fs")
    with pytest.raises(UsageError, match="one dither"):
        with_dither(parse_target("m=4+fs"), "bayer2")
    with pytest.raises(UsageError, match=r"such as palette:zx\+fs"):
        with_dither(parse_target("zx"), "fs")


def test_a_plus_in_a_files_name_is_part_of_the_name() -> None:
    assert parse_target("palette:a+b.gpl").name == "a+b.gpl"
    assert parse_target("palette:a+b.gpl+fs").name == "a+b.gpl"


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
