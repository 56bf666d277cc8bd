"""The encoders we use, as data: sample formats, quality ranges, presets and limits. Loads neither torch nor PyAV.

Numbers were measured with PyAV 18.1 (libsvtav1 4.1, x264, x265, libvpx): ``min_size`` by encoding ever smaller
pictures, ``preset`` so that it takes little beside restoring, which does 75 to 100 frames of 256x240 a second on two
cores, and loses little of what was restored (scripts/measure_presets.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

X26X_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")


@dataclass(frozen=True, slots=True)
class Codec:
    """One video encoder.

    Attributes:
        encoder: FFmpeg's encoder name.
        formats: (chroma, bits) -> FFmpeg pixel format; chroma is "420", "422", "444" or "rgb".
        chroma, bits: defaults.
        crf: lowest, highest and default quality value; None where the codec has no such control.
        preset_option: name of the encoder's speed option, "" where it has none.
        presets: allowed values; ``preset``: the default.
        options: always passed.
        min_size: smallest width and height.
        pads_odd: subsampled pictures of odd size are accepted.
    """

    encoder: str
    formats: dict[tuple[str, int], str]
    chroma: str
    bits: int
    crf: tuple[float, float, float] | None = None
    preset_option: str = ""
    presets: tuple[str, ...] = ()
    preset: str = ""
    options: dict[str, str] = field(default_factory=dict)
    min_size: int = 1
    pads_odd: bool = True


def _yuv(chromas: tuple[str, ...], depths: tuple[int, ...]) -> dict[tuple[str, int], str]:
    return {(c, b): f"yuv{c}p" if b == 8 else f"yuv{c}p{b}le" for c in chromas for b in depths}


def _rgb(depths: tuple[int, ...], name: Callable[[int], str]) -> dict[tuple[str, int], str]:
    return {("rgb", bits): name(bits) for bits in depths}


CODECS: dict[str, Codec] = {
    # scm=0: SVT-AV1's automatic screen-content mode costs 8 to 14 dB of luma on 2D games at preset 10 and equal size
    # (nes_nova 44.2 -> 57.6 dB, snes_nova2 43.2 -> 51.9 dB). Preset 8 instead of 10 leaves smooth skies without specks:
    # 1.2 to 7.5 dB of luma on five game clips, at 12 % less to 2 % more bytes, for 1.5 to 1.9 times the encoder's time.
    # crf 12 instead of 18: 0.4 to 3.1 dB more of luma on those clips for 13 to 44 % more bytes; at 18, what good
    # uploads gained was lost again.
    "av1": Codec(
        "libsvtav1",
        _yuv(("420",), (8, 10)),
        "420",
        10,
        crf=(1, 63, 12),
        preset_option="preset",
        presets=tuple(str(i) for i in range(14)),
        preset="8",
        options={"svtav1-params": "scm=0"},
        min_size=4,
    ),
    # veryfast: 0.5 dB of luma more than superfast on a painted scene, 3.3 dB on an NES clip, for 0.7 to 1.2 ms a frame.
    "hevc": Codec(
        "libx265",
        _yuv(("420", "422", "444"), (8, 10, 12)),
        "420",
        10,
        crf=(0, 51, 16),
        preset_option="preset",
        presets=X26X_PRESETS,
        preset="veryfast",
        options={"x265-params": "log-level=none"},
        min_size=16,
        pads_odd=False,
    ),
    # cpu-independent: x264's AVX-512 code of mbtree reads memory that nobody wrote where a row has no multiple of eight
    # macroblocks (160, 320 pixels), so the same pictures became other files each time, and a resumed film another one.
    # medium: 1.2 dB of luma more than veryfast on a painted scene, 4.8 dB on an NES clip, for 0.4 to 1.4 ms a frame.
    "h264": Codec(
        "libx264",
        _yuv(("420", "422", "444"), (8, 10)),
        "420",
        8,
        crf=(0, 51, 14),
        preset_option="preset",
        presets=X26X_PRESETS,
        preset="medium",
        options={"x264-params": "cpu-independent=1"},
        min_size=2,
        pads_odd=False,
    ),
    "vp9": Codec(
        "libvpx-vp9",
        _yuv(("420", "422", "444"), (8,)),
        "420",
        8,
        crf=(0, 63, 18),
        preset_option="cpu-used",
        presets=tuple(str(i) for i in range(9)),
        preset="6",
        options={"deadline": "realtime", "row-mt": "1", "b": "0"},
        min_size=2,
    ),
    # slicecrc: without it a flipped bit goes unnoticed; g=1: every picture stands alone.
    "ffv1": Codec(
        "ffv1",
        _rgb((8, 9, 10, 12, 14, 16), lambda bits: "bgr0" if bits == 8 else f"gbrp{bits}le")
        | _yuv(("420", "422", "444"), (8, 10, 12, 16)),
        "rgb",
        10,
        options={"level": "3", "slices": "4", "slicecrc": "1", "g": "1"},
    ),
    "prores": Codec(
        "prores_ks",
        _yuv(("422", "444"), (10,)),
        "444",
        10,
        preset_option="profile",
        presets=("standard", "hq", "4444", "4444xq"),
        preset="4444",
        options={"vendor": "apl0"},
        min_size=2,
    ),
    "apng": Codec("apng", {("rgb", 16): "rgb48be", ("rgb", 8): "rgb24"}, "rgb", 16),
    "y4m": Codec("rawvideo", _yuv(("420", "422", "444"), (8, 10, 12, 16)), "444", 10),
    "rawvideo": Codec(
        "rawvideo",
        {("rgb", 16): "rgb48le", ("rgb", 8): "rgb24"} | _yuv(("420", "422", "444"), (8, 10, 12, 16)),
        "rgb",
        16,
    ),
}
# The others belong to one container each, which holds nothing else.
CODEC_CHOICES = tuple(name for name in CODECS if name not in ("apng", "y4m", "rawvideo"))


def holders(chroma: str, bits: int) -> str:
    """Names of the codecs that can store this chroma and depth, for error messages."""
    names = [name for name in CODEC_CHOICES if (chroma, bits) in CODECS[name].formats]
    return ", ".join(names) or "none"
