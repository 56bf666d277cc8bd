"""Plans: defaults by container, and every impossible wish refused with what works."""

from __future__ import annotations

import make
import pytest

from vdequant.errors import UsageError
from vdequant.frames import ColorTags, Layout, Matrix, Siting
from vdequant.media.plan import plan_output
from vdequant.settings import Settings

RGB = make.info(Layout(256, 240))
YUV = make.info(Layout(640, 360, "yuv", 8, (1, 1), Matrix.SMPTE170M, False))
STILL = make.info(Layout(64, 48), "image")

DEFAULTS = [
    ("o.mp4", {}, "libsvtav1", "yuv420p10le"),
    ("o.mkv", {}, "libsvtav1", "yuv420p10le"),
    ("o.webm", {}, "libsvtav1", "yuv420p10le"),
    ("o.mov", {}, "prores_ks", "yuv444p10le"),
    ("o.apng", {}, "apng", "rgb48be"),
    ("-", {}, "ffv1", "gbrp10le"),
    ("o.mkv", {"lossless": True}, "ffv1", "gbrp10le"),
    ("o.mkv", {"lossless": True, "bits": 16}, "ffv1", "gbrp16le"),
    ("o.mkv", {"lossless": True, "bits": 8}, "ffv1", "bgr0"),
    ("o.mp4", {"codec": "h264"}, "libx264", "yuv420p"),
    ("o.mp4", {"codec": "hevc"}, "libx265", "yuv420p10le"),
    ("o.mp4", {"codec": "hevc", "chroma": "444", "bits": 12}, "libx265", "yuv444p12le"),
    ("o.webm", {"codec": "vp9"}, "libvpx-vp9", "yuv420p"),
    ("o.mkv", {"codec": "ffv1", "chroma": "444"}, "ffv1", "yuv444p10le"),
    ("o.mp4", {"bits": 8}, "libsvtav1", "yuv420p"),
]


@pytest.mark.parametrize(("path", "settings", "codec", "pix_fmt"), DEFAULTS)
def test_the_ending_and_settings_choose_codec_and_format(path: str, settings: dict, codec: str, pix_fmt: str) -> None:
    plan = plan_output(path, YUV, Settings(**settings))
    assert (plan.codec, plan.pix_fmt) == (codec, pix_fmt)
    assert plan.dither == (plan.layout.bits == 8)


REFUSED = [
    ("o.mp4", {"chroma": "444"}, RGB, "hevc, h264, ffv1|hevc"),
    ("o.mp4", {"bits": 12}, RGB, "8 or 10 bits"),
    ("o.webm", {"codec": "h264"}, RGB, "holds av1, vp9"),
    ("o.mov", {"codec": "av1"}, RGB, "holds prores"),
    ("o.mp4", {"lossless": True}, RGB, r"\.mkv"),
    ("o.mkv", {"lossless": True, "codec": "hevc"}, RGB, "drop one"),
    ("o.mkv", {"codec": "h265"}, RGB, "av1, hevc, h264"),
    ("o.mkv", {"crf": 99.0}, RGB, "between 1 and 63"),
    ("o.mov", {"crf": 20.0}, RGB, "has no --crf"),
    ("o.mkv", {"preset": "veryfast"}, RGB, "one of 0, 1, 2"),
    ("o.mkv", {"codec": "h264", "preset": "quick"}, RGB, "ultrafast"),
    ("o.mp4", {"codec": "h264", "chroma": "420", "scale": 1}, make.info(Layout(161, 145)), "--scale 2"),
    ("o.mp4", {"codec": "hevc", "scale": 1}, make.info(Layout(8, 8)), "at least 16x16"),
    ("o.gif", {}, RGB, "256 colors"),
    ("o.avi", {}, RGB, "frame times"),
    ("o.xyz", {}, RGB, r"\.mp4"),
    ("o.png", {}, RGB, "many pictures"),
    ("o.mp4", {}, STILL, "one picture"),
    ("-", {}, STILL, "one picture"),
    ("o.png", {"bits": 10}, STILL, "8 or 16"),
    ("o.jpg", {"bits": 16}, STILL, "--bits 8"),
    ("o.png", {"codec": "av1"}, STILL, "are for video"),
    ("o.png", {"chroma": "420"}, STILL, "full color"),
    ("o.jpg", {"lossless": True}, STILL, "not possible"),
]


@pytest.mark.parametrize(("path", "settings", "info", "match"), REFUSED)
def test_impossible_wishes_are_usage_errors_with_a_way_out(path: str, settings: dict, info: object, match: str) -> None:
    with pytest.raises(UsageError, match=match) as caught:
        plan_output(path, info, Settings(**settings))
    assert "\n" not in str(caught.value)


def test_small_full_chroma_pictures_are_doubled_for_420_and_it_is_said() -> None:
    plan = plan_output("o.mkv", RGB, Settings())
    assert (plan.scale, plan.layout.width, plan.layout.height) == (2, 512, 480)
    assert plan.layout.siting is Siting.CENTER
    assert any("doubled" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("info", "path"), [(YUV, "o.mkv"), (RGB, "o.mov"), (make.info(Layout(640, 480)), "o.mkv"), (STILL, "o.png")]
)
def test_other_pictures_keep_their_size(info: object, path: str) -> None:
    plan = plan_output(path, info, Settings())
    assert plan.scale == 1
    assert plan.layout.siting is Siting.LEFT


def test_yuv_keeps_its_matrix_and_rgb_becomes_709_with_tags() -> None:
    assert plan_output("o.mkv", YUV, Settings()).layout.matrix is Matrix.SMPTE170M
    plan = plan_output("o.mkv", RGB, Settings())
    assert plan.layout.matrix is Matrix.BT709
    assert not plan.layout.full_range
    assert plan.tags == ColorTags(1, 1)
    rgb = plan_output("o.mkv", RGB, Settings(lossless=True))
    assert (rgb.layout.model, rgb.layout.full_range) == ("rgb", True)


def test_odd_sizes_become_444_where_the_encoder_refuses_420() -> None:
    odd = make.info(Layout(161, 345, "yuv", 8, (1, 1), Matrix.BT709, False))
    plan = plan_output("o.mp4", odd, Settings(codec="h264"))
    assert plan.pix_fmt == "yuv444p"
    assert any("4:4:4" in note for note in plan.notes)
    assert plan_output("o.mp4", odd, Settings()).pix_fmt == "yuv420p10le"


def test_names_without_ending_are_folders(tmp_path: object) -> None:
    for path in ("frames", "frames/", str(tmp_path)):
        plan = plan_output(path, RGB, Settings())
        assert (plan.kind, plan.container, plan.layout.bits) == ("folder", ".png", 16)


def test_gray_stills_stay_gray_and_eight_bits_are_dithered() -> None:
    gray = make.info(Layout(64, 48, "gray"), "image")
    plan = plan_output("o.png", gray, Settings(bits=8))
    assert (plan.layout.model, plan.layout.bits, plan.dither) == ("gray", 8, True)


def test_crf_and_preset_reach_the_encoder() -> None:
    options = plan_output("o.mkv", RGB, Settings(crf=30.0, preset="8")).options
    assert (options["crf"], options["preset"]) == ("30", "8")


@pytest.mark.parametrize(
    ("chroma", "height", "scale"), [((1, 1), 240, 2), ((1, 1), 300, 1), ((0, 0), 300, 2), ((0, 0), 480, 1)]
)
def test_small_pictures_are_doubled_so_that_their_color_is_kept(
    chroma: tuple[int, int], height: int, scale: int
) -> None:
    small = make.info(Layout(320, height, "yuv", 8, chroma, Matrix.BT709, False))
    assert plan_output("o.mp4", small, Settings()).layout.height == scale * height
    assert plan_output("o.mp4", small, Settings(scale=1)).layout.height == height
