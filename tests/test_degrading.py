"""What a quantizer would have stored is what the file holds, sample by sample."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from make import clip, gradient, picture, rgb8, sound, stamps

import vdequant
from vdequant.degrading import Target, degrade
from vdequant.errors import InputError, OutputError, UsageError
from vdequant.quantizers.spec import parse_target, resolve_target
from vdequant.settings import Settings


def read(path: Path) -> np.ndarray:
    """``(H, W[, 3 or 4])`` samples in RGB order."""
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return found if found.ndim == 2 else found[..., [2, 1, 0, 3][: found.shape[2]]]


def read_film(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def expected(codes: np.ndarray, to: str, top: int = 255) -> np.ndarray:
    """The quantizer's values for codes of ``top``, as 8-bit codes."""
    x = torch.from_numpy(codes.astype(np.float32) / np.float32(top)).movedim(-1, 0)
    stored = resolve_target(parse_target(to), [x]).quantize(x[None])[0]
    return (stored * 255).round().movedim(0, -1).numpy().astype(np.uint8)


@pytest.mark.parametrize(
    "to",
    ["m=4", "5-6-5/shift", "5-5-5+fs", "palette:8", "palette:8/kmeans+bayer4", "palette:pico8", "jpeg:30", "chroma:420",
     "gray:otsu", "gray:m=3+atkinson", "random:4", "nes", "zx", "gameboy", "none"],
)  # fmt: skip
def test_a_picture_holds_exactly_the_quantizers_values(to: str, tmp_path: Path) -> None:
    codes = picture(tmp_path / "fine.png", size=(32, 48))
    degrade(str(tmp_path / "fine.png"), str(tmp_path / "coarse.png"), Target(to=to))
    written = read(tmp_path / "coarse.png")
    assert written.dtype == np.uint8
    np.testing.assert_array_equal(written, expected(codes, to))


@pytest.mark.parametrize("suffix", [".tif", ".webp", ".bmp"])
def test_other_picture_files_hold_them_too(suffix: str, tmp_path: Path) -> None:
    codes = picture(tmp_path / "fine.png")
    degrade(str(tmp_path / "fine.png"), str(tmp_path / f"coarse{suffix}"), Target(to="m=5"))
    np.testing.assert_array_equal(read(tmp_path / f"coarse{suffix}"), expected(codes, "m=5"))


def test_a_film_is_lossless_and_keeps_its_time_and_sound(tmp_path: Path) -> None:
    times = clip(tmp_path / "fine.mkv", pts=[7, 20, 61, 80], audio="flac")
    summary = degrade(str(tmp_path / "fine.mkv"), str(tmp_path / "coarse.mkv"), Target(to="4-4-4", dither="column"))
    assert summary.frames == 4
    assert summary.bytes == (tmp_path / "coarse.mkv").stat().st_size
    for moment, frame in enumerate(read_film(tmp_path / "coarse.mkv")):
        np.testing.assert_array_equal(frame, expected(rgb8(shift=moment), "4-4-4+column"))
    assert stamps(tmp_path / "coarse.mkv") == [Fraction(time, 1000) for time in times]
    assert sound(tmp_path / "coarse.mkv") == sound(tmp_path / "fine.mkv")


def test_a_folder_stays_a_folder(tmp_path: Path) -> None:
    (tmp_path / "fine").mkdir()
    codes = [picture(tmp_path / f"fine/f{i}.png", size=(8, 12)) for i in (1, 2)]
    degrade(str(tmp_path / "fine"), str(tmp_path / "coarse"), Target(to="m=3"))
    np.testing.assert_array_equal(read(tmp_path / "coarse/f2.png"), expected(codes[1], "m=3"))


def two_scenes(path: Path) -> None:
    """A red frame, then a green one."""
    for number, channel in enumerate((0, 1)):
        ramp = np.zeros((16, 24, 3), np.uint8)
        ramp[..., channel] = np.arange(24) * 10
        cv2.imwrite(str(path / f"{number}.png"), ramp[..., ::-1])


def test_a_clips_palette_serves_all_frames_unless_each_gets_its_own(tmp_path: Path) -> None:
    (tmp_path / "fine").mkdir()
    two_scenes(tmp_path / "fine")
    target = Target(to="palette:4")
    degrade(str(tmp_path / "fine"), str(tmp_path / "clip"), target)
    degrade(str(tmp_path / "fine"), str(tmp_path / "each"), Target(to="palette:4", palette_per="frame"))
    counts = {}
    for kind in ("clip", "each"):
        frames = [read(tmp_path / kind / f"{i}.png").reshape(-1, 3) for i in (0, 1)]
        counts[kind] = len(np.unique(np.concatenate(frames), axis=0)), len(np.unique(frames[0], axis=0))
    assert counts["clip"][0] <= 4
    assert counts["each"][0] > 4
    assert counts["each"][1] == 4


def test_alpha_travels_along(tmp_path: Path) -> None:
    samples = picture(tmp_path / "fine.png", alpha=True)
    degrade(str(tmp_path / "fine.png"), str(tmp_path / "coarse.png"), Target(to="m=4"))
    written = read(tmp_path / "coarse.png")
    np.testing.assert_array_equal(written[..., :3], expected(samples[..., :3], "m=4"))
    np.testing.assert_array_equal(written[..., 3], samples[..., 3])


def test_16_bits_become_8_unless_16_are_wanted(tmp_path: Path) -> None:
    samples = picture(tmp_path / "fine.png", bits=16, alpha=True)
    for bits in (0, 16):
        name = tmp_path / f"coarse{bits}.png"
        degrade(str(tmp_path / "fine.png"), str(name), Target(to="5-5-5"), Settings(bits=bits))
        assert read(name).dtype == (np.uint16 if bits else np.uint8)
    np.testing.assert_array_equal(read(tmp_path / "coarse0.png")[..., :3], expected(samples[..., :3], "5-5-5", 65535))
    levels = np.unique(read(tmp_path / "coarse16.png")[..., :3])
    np.testing.assert_array_equal(levels, np.round(np.round(levels / 65535 * 31) / 31 * 65535))


@pytest.mark.parametrize(("to", "channels"), [("m=4", 2), ("gameboy", 2), ("nes", 3), ("5-6-5", 3), ("m=4+fs", 2)])
def test_gray_stays_gray_when_the_quantizer_has_no_colors(to: str, channels: int, tmp_path: Path) -> None:
    codes = rgb8()[..., 0]
    cv2.imwrite(str(tmp_path / "gray.png"), codes)
    degrade(str(tmp_path / "gray.png"), str(tmp_path / "coarse.png"), Target(to=to))
    written = read(tmp_path / "coarse.png")
    assert written.ndim == channels
    as_color = written if written.ndim == 3 else np.stack([written] * 3, -1)
    np.testing.assert_array_equal(as_color, expected(np.stack([codes] * 3, -1), to))


def test_a_console_has_a_size_of_its_own_when_asked(tmp_path: Path) -> None:
    picture(tmp_path / "fine.png", alpha=True, size=(96, 128))
    summary = degrade(str(tmp_path / "fine.png"), str(tmp_path / "small.png"), Target(to="gameboy", size="native"))
    assert (summary.width, summary.height) == (160, 144)
    assert read(tmp_path / "small.png").shape == (144, 160, 4)


def test_a_resized_film_keeps_its_shape_on_the_screen(tmp_path: Path) -> None:
    clip(tmp_path / "fine.mkv", size=(32, 64))
    degrade(str(tmp_path / "fine.mkv"), str(tmp_path / "small.mkv"), Target(to="m=4", size=(16, 16)))
    with av.open(str(tmp_path / "small.mkv")) as found:
        stream = found.streams.video[0]
        assert (stream.width, stream.height) == (16, 16)
        assert stream.sample_aspect_ratio == 2


def test_the_probe_finds_what_was_lost(tmp_path: Path) -> None:
    size = (96, 128)
    noisy = gradient(*size) * 0.9 + 0.1 * torch.rand(3, *size)
    cv2.imwrite(str(tmp_path / "fine.png"), (noisy * 255).round().byte().movedim(0, -1).numpy())
    for to, found in (("5-5-5", "5 bits"), ("m=6", "6 levels"), ("palette:12", "palette of 12"), ("snes", "5 bits")):
        target = tmp_path / f"{to.replace(':', '')}.png"
        degrade(str(tmp_path / "fine.png"), str(target), Target(to=to))
        assert found in vdequant.probe(str(target)).finding.description


def test_what_is_known_about_an_output_is_refused_before_work(tmp_path: Path) -> None:
    picture(tmp_path / "fine.png")
    clip(tmp_path / "fine.mkv")
    for source, name, words in [
        ("fine.png", "coarse.jpg", "hold exact values"),
        ("fine.png", "coarse.mkv", "picture name for one picture"),
        ("fine.mkv", "coarse.mp4", r"FFV1\), got .*--codec"),
        ("fine.mkv", "coarse.gif", "cannot be written"),
    ]:
        with pytest.raises(UsageError, match=words):
            degrade(str(tmp_path / source), str(tmp_path / name), Target(to="m=4"))
        assert not (tmp_path / name).exists()


def test_a_lossy_codec_is_used_when_named(tmp_path: Path) -> None:
    clip(tmp_path / "fine.mkv", size=(32, 48))
    summary = degrade(str(tmp_path / "fine.mkv"), str(tmp_path / "c.mp4"), Target(to="m=4"), Settings(codec="h264"))
    assert (summary.width, summary.height) == (96, 64)  # doubled, as in a restoration
    assert len(read_film(tmp_path / "c.mp4")) == 6


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    picture(tmp_path / "fine.png")
    (tmp_path / "coarse.png").write_text("precious")
    with pytest.raises(OutputError, match="exists"):
        degrade(str(tmp_path / "fine.png"), str(tmp_path / "coarse.png"), Target(to="m=4"))
    assert (tmp_path / "coarse.png").read_text() == "precious"
    degrade(str(tmp_path / "fine.png"), str(tmp_path / "coarse.png"), Target(to="m=4"), Settings(overwrite=True))
    assert read(tmp_path / "coarse.png").ndim == 3


def test_a_palette_file_that_is_missing_leaves_nothing_behind(tmp_path: Path) -> None:
    picture(tmp_path / "fine.png")
    with pytest.raises(InputError, match=r"no\.gpl"):
        degrade(str(tmp_path / "fine.png"), str(tmp_path / "coarse.png"), Target(to=f"palette:{tmp_path}/no.gpl"))
    assert [path.name for path in tmp_path.iterdir()] == ["fine.png"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(to="m=4", size="native"), "nes, gameboy.*got native for m=4"),
        (Target(to="cga", size="native"), "got native for cga"),
        (Target(to="m=4", size=(0, 5)), "1x1 or more"),
        (Target(to="m=4", palette_per="scene"), "clip, frame"),  # type: ignore[arg-type]
        (Target(to="palette:1000"), "palette:1000/kmeans"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(target: Target, words: str, tmp_path: Path) -> None:
    picture(tmp_path / "fine.png")
    with pytest.raises(UsageError, match=words):
        degrade(str(tmp_path / "fine.png"), str(tmp_path / "coarse.png"), target)


def test_transparency_that_video_cannot_hold_is_mentioned(tmp_path: Path) -> None:
    (tmp_path / "fine").mkdir()
    for number in (1, 2):
        picture(tmp_path / f"fine/{number}.png", alpha=True)
    summary = degrade(str(tmp_path / "fine"), str(tmp_path / "coarse.mkv"), Target(to="m=4"))
    assert any("transparency" in text for text in summary.warnings)


@pytest.mark.parametrize("to", ["chroma:420/topleft", "chroma:422/center", "jpeg:77", "m=3+bluenoise"])
def test_quantizers_still_have_gradients_after_a_file_was_quantized(to: str, tmp_path: Path) -> None:
    """Workers run in inference mode; tables that they are the first to make must not be bound to it."""
    picture(tmp_path / "fine.png", size=(26, 38))
    degrade(str(tmp_path / "fine.png"), str(tmp_path / "coarse.png"), Target(to=to))
    x = torch.rand(1, 3, 26, 38, requires_grad=True)
    (resolve_target(parse_target(to), []).soft(x, 5.0) ** 2).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
