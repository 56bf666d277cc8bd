"""Parsers of option values, and the options that several commands share."""

from __future__ import annotations

import argparse
import math
import re
from typing import NoReturn

from vdequant.errors import UsageError
from vdequant.restorers import RESTORERS, check_restorer, is_weights_file
from vdequant.settings import (
    DEINTERLACINGS,
    DITHERS,
    FLICKERS,
    MATRICES,
    MOST_FRAMES,
    MOST_PIXELS,
    NATIVE_GRIDS,
    RANGES,
    SAMPLERS,
    SCALERS,
    STREAM_FORMATS,
    TEMPORALS,
    VIEW_COUNTS,
)

CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d*)?)")


class Parser(argparse.ArgumentParser):
    """An argument parser that raises :class:`UsageError`, one line, instead of printing its usage and exiting."""

    def error(self, message: str) -> NoReturn:
        """See :meth:`argparse.ArgumentParser.error`."""
        raise UsageError(f"{message}; see {self.prog} --help")


def seconds(text: str) -> float:
    """A time as seconds (``12.5``) or as a clock shows it (``1:02``, ``1:02:03.5``)."""
    match = CLOCK.fullmatch(text)
    if match:
        hours, minutes, rest = match.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(rest)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"expected seconds or hh:mm:ss, got {text!r}")
    return value


def scale(text: str) -> int:
    """An enlargement ``2`` or ``2x``, or ``auto`` (0)."""
    if text == "auto":
        return 0
    try:
        value = int(text.removesuffix("x"))
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected auto or a whole number from 1 to 16, got {text!r}")
    return value


def restorer(text: str) -> str:
    """A restorer's name, ``auto``, or a file of weights."""
    check_restorer(text, "auto")
    return text


def scaler(text: str) -> str:
    """A name of SCALERS, or a file of weights."""
    if text not in SCALERS and not is_weights_file(text):
        raise argparse.ArgumentTypeError(f"expected {', '.join(SCALERS)} or a .pth or .safetensors file, got {text!r}")
    return text


def add_picture_options(parser: argparse.ArgumentParser) -> None:
    """What was lost and how to restore it. Options left out keep the defaults of Settings, stated only there."""
    group = parser.add_argument_group("what to do")
    group.add_argument(
        "--restorer",
        type=restorer,
        metavar="NAME",
        help=f"{', '.join(('auto', *RESTORERS))}; auto suits the device; or a network file (.pth, .safetensors) that "
        "keeps the size, which needs the community extra",
    )
    group.add_argument(
        "--quantizer",
        metavar="TEXT",
        help="what was lost: auto (look at the input), m=32 (levels per channel), 5-5-5, 5-6-5/shift (bits per "
        "channel), palette:16 (colors)",
    )
    group.add_argument(
        "--unknown-threshold",
        action="store_true",
        help="with --quantizer gray:0.5 and --restorer map: estimate where black ends; gray:otsu implies it",
    )
    group.add_argument(
        "--fidelity",
        type=float,
        metavar="F",
        help="1 (default): quantizing the result gives back the input, exactly; 0: trust the restorer alone",
    )
    group.add_argument("--dither", choices=DITHERS, help="keep dither as texture, or remove it as shade")
    group.add_argument(
        "--native-grid",
        choices=NATIVE_GRIDS,
        help="auto: enlarged pictures are restored at their native size, black bars are left alone; off: as stored",
    )
    group.add_argument(
        "--deinterlace",
        choices=DEINTERLACINGS,
        help="interlaced video: bwdif (rows between those of a field are interpolated), fields (of consoles: each "
        "field is a whole picture, its rows are shown twice), auto (where it says it is interlaced, and is), off",
    )
    group.add_argument("--mask", metavar="FILE", help="picture of the input's size; what is white in it stays as it is")
    group.add_argument(
        "--tta",
        action="store_const",
        const=VIEW_COUNTS[-1],
        dest="views",
        help="mean of eight answers, turned and mirrored: 8 times the work, a little better",
    )
    group.add_argument(
        "--views",
        type=int,
        choices=VIEW_COUNTS,
        help="the same of 1, 2, 4 or 8 answers; default 2 for dequantizernet+, 1 for the others",
    )
    _add_options_over_time(group)
    group.add_argument("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1; see vdequant devices")
    group.add_argument("--workers", type=int, metavar="N", help="worker threads on the CPU; default one a core")
    group.add_argument("--tile", type=int, metavar="PX", help="side of a tile in pixels; default automatic")


def _add_options_over_time(group: argparse._ArgumentGroup) -> None:
    """What frames have to do with each other."""
    group.add_argument(
        "--temporal",
        choices=TEMPORALS,
        help="steady over time: lock (an equal color in its place restores to an equal value), flow (mean along the "
        "motion, for lossy and filmed input), off; auto suits the input",
    )
    group.add_argument(
        "--flicker", choices=FLICKERS, help="what is shown every other frame: keep it, or blend both phases into one"
    )
    group.add_argument(
        "--neighbors",
        type=int,
        metavar="N",
        help="ask N frames on each side what they show of the same places: for sources that are noisy, or dithered "
        "otherwise in every frame; default 0",
    )
    group.add_argument(
        "--no-reuse",
        action="store_false",
        dest="reuse",
        help="restore every frame whole, even what is known from frames before: slower, and the same pictures",
    )


def add_sampling_options(
    parser: argparse.ArgumentParser,
    several: str = "draw so many pictures, and take their mean; default 4",
    usual: str = "5 of dpm, which is the sampler then",
) -> None:
    """How the restorer diffusion draws its pictures.

    Args:
        several: what becomes of several samples.
        usual: steps where neither their number nor the sampler is given.
    """
    group = parser.add_argument_group("drawing, with --restorer diffusion")
    group.add_argument(
        "--sampler", choices=SAMPLERS, help="ddpm (as published), ddim, or dpm (DPM-Solver++) for fewer steps"
    )
    group.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help=f"of the sampler; default {usual}; with --sampler 27 for ddpm, 20 ddim, 10 dpm",
    )
    group.add_argument("--seed", type=int, metavar="N", help="of its noise; the same one gives the same picture")
    group.add_argument("--samples", type=int, metavar="N", help=several)
    group.add_argument(
        "--base",
        metavar="NAME",
        help="a large model in place of the one that ships, DeepFloyd IF stage II or Stable Diffusion: its name in the "
        "Hugging Face cache (nothing is downloaded) or its folder; needs --encoder",
    )
    group.add_argument(
        "--encoder", metavar="FILE", help="that was trained for the base, by scripts/train_diffusion.py --base"
    )


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """How to read the input, and which part of it."""
    group = parser.add_argument_group("reading")
    group.add_argument("--matrix", choices=MATRICES, help="YUV matrix of an untagged or wrongly tagged input")
    group.add_argument("--range", choices=RANGES, help="sample range of such an input: tv (16..235) or pc (0..255)")
    group.add_argument("--start", type=seconds, metavar="TIME", help="begin here: seconds or hh:mm:ss")
    length = group.add_mutually_exclusive_group()
    length.add_argument("--duration", type=seconds, metavar="TIME", help="restore this much: seconds or hh:mm:ss")
    length.add_argument(
        "--preview", type=seconds, dest="duration", metavar="SECONDS", help="try the first seconds only"
    )
    limits = {"--max-pixels": ("larger pictures", MOST_PIXELS), "--max-frames": ("more pictures", MOST_FRAMES)}
    for name, (what, most) in limits.items():
        help_text = f"refuse {what}, which damaged and hostile files claim to have; default {most}"
        group.add_argument(name, type=int, metavar="N", help=help_text)


def add_raw_options(parser: argparse.ArgumentParser) -> None:
    """What raw pictures are like, which have no header to tell it."""
    group = parser.add_argument_group("reading raw pictures, as of ffmpeg -f rawvideo")
    group.add_argument("--size", dest="raw_size", metavar="WxH", help="the input is raw pictures of this size")
    group.add_argument(
        "--fps", metavar="RATE", help="pictures a second, 60 or 60000/1001; also of a folder of frames; default 60"
    )
    group.add_argument("--pix-fmt", metavar="NAME", help="FFmpeg's name of their pixel format; default rgb24")


def add_stream_options(parser: argparse.ArgumentParser) -> None:
    """How to pass pictures on to other programs."""
    group = parser.add_argument_group("streams")
    group.add_argument(
        "-f",
        "--format",
        dest="stream_format",
        choices=STREAM_FORMATS,
        help="what goes to standard output with -o -: nut (default: sound, times, FFV1 or h264, hevc), y4m or rawvideo "
        "(pictures alone)",
    )
    group.add_argument(
        "--live",
        action="store_true",
        help="- is restored while it plays: each picture goes out at once, none is dropped, and a line says when the "
        "program cannot keep up; Ctrl-C ends and completes the output",
    )


def add_reporting_options(parser: argparse.ArgumentParser) -> None:
    """How much to say, and in which form."""
    group = parser.add_argument_group("reporting")
    group.add_argument("--json", action="store_true", help="one JSON object on standard output")
    group.add_argument("-v", "--verbose", action="store_true", help="say more; show tracebacks")
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing but warnings and errors")
