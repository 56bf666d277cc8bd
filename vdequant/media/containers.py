"""What a file name's ending means: containers and picture formats that can be written, and endings refused with advice.

Pure data: importing this loads neither torch nor PyAV.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Container:
    """A container that can be written.

    Attributes:
        format: FFmpeg's muxer name.
        codecs: names of ``codecs.CODECS`` it may hold; the first is the default.
        options: muxer options.
    """

    format: str
    codecs: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)


# hybrid_fragmented: readable up to the last fragment after a crash, an ordinary indexed file when closed normally.
# delay_moov: without it no edit list is written and B-frame codecs start late: sound 57 ms early at 35 fps (measured).
_CRASH_SAFE = {"movflags": "hybrid_fragmented+delay_moov"}

CONTAINERS: dict[str, Container] = {
    ".mp4": Container("mp4", ("av1", "hevc", "h264", "vp9"), _CRASH_SAFE),
    ".m4v": Container("mp4", ("av1", "hevc", "h264", "vp9"), _CRASH_SAFE),
    ".mkv": Container("matroska", ("av1", "hevc", "h264", "vp9", "ffv1", "prores")),
    ".webm": Container("webm", ("av1", "vp9")),
    ".mov": Container("mov", ("prores", "hevc", "h264"), _CRASH_SAFE),
    ".nut": Container("nut", ("ffv1", "hevc", "h264")),
    ".apng": Container("apng", ("apng",), {"plays": "0"}),
    ".y4m": Container("yuv4mpegpipe", ("y4m",), {"strict": "-1"}),  # more than 8 bits are FFmpeg's own extension
}
# What standard output may carry, by the words of --format.
STREAMS: dict[str, Container] = {
    "nut": CONTAINERS[".nut"],
    "y4m": CONTAINERS[".y4m"],
    "rawvideo": Container("rawvideo", ("rawvideo",)),
}
TIMELESS = ("yuv4mpegpipe", "rawvideo")  # every picture lasts equally long, and there is no sound
# Muxers that keep how long each picture is shown, the last one too (measured; NUT and APNG do not).
VARIABLE_RATE = ("mp4", "matroska", "webm", "mov")
LISTED = "ffconcat"  # a folder of pictures with a list of their times, seen as a container
VARIABLE_INPUTS = (LISTED, "gif", "apng")  # whose pictures are often shown for very different times

# Depths a still can be stored in; the first is the default.
PICTURE_BITS: dict[str, tuple[int, ...]] = {
    ".png": (16, 8),
    ".tif": (16, 8),
    ".tiff": (16, 8),
    ".webp": (8,),
    ".jpg": (8,),
    ".jpeg": (8,),
    ".bmp": (8,),
}
PICTURES_WITH_ALPHA = (".png", ".tif", ".tiff", ".webp")

# Stills that can be read; more than can be written.
READABLE_PICTURES = (*PICTURE_BITS, ".tga", ".pcx", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".ico")
# Endings of recordings, by which a folder that fills is searched; a single input is judged by its content.
READABLE_VIDEOS = (*CONTAINERS, ".avi", ".gif", ".flv", ".ts", ".m2ts", ".mpg", ".mpeg", ".ogv", ".wmv", ".fli")

_REPLAY = "it holds key presses, not pictures; play it into a video first:"
# {} becomes the file's path.
REFUSED_INPUTS: dict[str, str] = {
    ".mng": "of MNG only the first picture can be read; record AVI instead: mame GAME -aviwrite FILE.avi",
    ".bk2": f"{_REPLAY} python -m stable_retro.scripts.playback_movie -L ffv1 {{}} (BizHawk: File > AVI/WAV > Record)",
    ".bsv": f"{_REPLAY} retroarch -L CORE GAME -P {{}} --record FILE.mkv --recordconfig lossless.cfg",
    ".fm2": f"{_REPLAY} fceux --playmov {{}} GAME, then Movie > Record AVI",
    ".inp": f"{_REPLAY} mame GAME -playback {{}} -aviwrite FILE.avi",
    ".lmp": f"{_REPLAY} dsda-doom -iwad GAME.wad -timedemo {{}} -viddump FILE.mkv",
    ".replay": f"{_REPLAY} retroarch -L CORE GAME -P {{}} --record FILE.mkv --recordconfig lossless.cfg",
}
REFUSED_OUTPUTS: dict[str, str] = {
    ".gif": "GIF stores 256 colors, which would undo the restoration; use .apng, .mp4 or .webm",
    ".avi": "AVI stores no frame times and no colors above 8 bits safely; use .mkv, which players read as well",
    ".mng": "MNG is not readable by today's players; use .apng or .mkv",
}


def known_outputs() -> str:
    """The endings that can be written, for error messages."""
    return f"{' '.join(CONTAINERS)} (video), {' '.join(PICTURE_BITS)} (picture), a folder name, or - (standard output)"
