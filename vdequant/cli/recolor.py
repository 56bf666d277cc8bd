"""``vdequant recolor INPUT --mask FILE --color "#rrggbb" -o OUTPUT``: a part of a picture in another color."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import fields
from typing import TYPE_CHECKING

from vdequant.cli.console import Console
from vdequant.cli.naming import suggested_output
from vdequant.cli.one_job import run_one
from vdequant.cli.options import Parser, add_reporting_options, add_sampling_options
from vdequant.cli.palette import error_line
from vdequant.cli.progress import Progress, size
from vdequant.edits import DIFFUSION, TEXTURES
from vdequant.errors import UsageError
from vdequant.settings import MOST_PIXELS, Settings

if TYPE_CHECKING:
    from vdequant.recoloring import RecolorSummary

WISHES = ("color", "mask", "index", "point", "rect", "grabcut", "tolerance", "feather", "texture")


def parser() -> argparse.ArgumentParser:
    """The parser of this command; its ``run`` is :func:`run`."""
    result = Parser(
        prog="vdequant recolor",
        usage="vdequant recolor INPUT (--mask FILE | --rect X,Y,W,H | --point X,Y) --color COLOR -o OUTPUT [options]",
        description="Give a part of a picture another color and keep its shading. Outside the part every sample stays "
        "as it was.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    result.add_argument("input", metavar="INPUT", help="a picture")
    result.add_argument(
        "-o", "--output", metavar="OUTPUT", help=".png, .tif or .webp, which keep samples exactly; .jpg"
    )
    result.add_argument("-y", "--overwrite", action="store_true", help="replace an existing output")
    _add_place_options(result)
    group = result.add_argument_group("the color")
    group.add_argument("--color", metavar="COLOR", help='"#rrggbb", or mean: the mean color of the part itself')
    group.add_argument(
        "--texture",
        choices=TEXTURES,
        help="what stays of the part. L (default): its variations of luminance; off: nothing, one flat color. With "
        "--restorer diffusion, told to the model: T (implies it): where luminance is steep; G (default there, and "
        "implies it): its slopes; L: luminance; L-post (implies it): luminance, put back in the end; off: nothing",
    )
    group.add_argument(
        "--restorer",
        choices=("auto", DIFFUSION),
        help="auto: diffusion for --texture T, G and L-post, none for L and off; diffusion: a model draws the part, "
        "and follows the color loosely",
    )
    group.add_argument("--feather", type=float, metavar="PX", help="the color sets in over so many pixels; default 1")
    group.add_argument("--bits", type=int, metavar="N", help="bits per sample, 8 or 16; default the input's own")
    group.add_argument("--max-pixels", type=int, metavar="N", help=f"refuse larger pictures; default {MOST_PIXELS}")
    add_sampling_options(result, several="write so many pictures, NAME-1.png and so on; default 1", usual="27 of ddpm")
    group = result.add_argument_group("where")
    group.add_argument("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1; see vdequant devices")
    add_reporting_options(result)
    result.set_defaults(run=run, output="", color="", json=False, verbose=False, quiet=False)
    return result


def _add_place_options(result: argparse.ArgumentParser) -> None:
    group = result.add_argument_group("the part, one of these")
    group.add_argument(
        "--mask",
        metavar="FILE",
        help="picture of the input's size, white selects; or masks of Segment Anything: .json (COCO run lengths), .npy",
    )
    group.add_argument("--mask-index", dest="index", type=int, metavar="N", help="which of several masks, from 0")
    group.add_argument("--rect", metavar="X,Y,W,H", help="a rectangle, in pixels from the upper left corner")
    group.add_argument("--grabcut", action="store_true", help="only what stands out inside --rect (GrabCut)")
    group.add_argument(
        "--point",
        metavar="X,Y",
        help="what is connected to this pixel by similar colors; of several masks: the smallest here",
    )
    group.add_argument("--tolerance", type=int, metavar="N", help="how similar, in codes of 255; default 16")


def run(args: argparse.Namespace, console: Console) -> int:
    """Recolor and return the exit code."""
    if not args.output or not args.color:
        named = args.output or suggested_output(args.input, "recolored")
        words = ["vdequant", "recolor", args.input, "--point", "40,25", "--color", args.color or "#3060c0"]
        wanted = shlex.join([*words, "-o", named])
        raise UsageError(f"expected {'--color COLOR' if args.output else '-o OUTPUT'}, for example: {wanted}")
    given = vars(args)
    names = {field.name for field in fields(Settings)} - set(WISHES)
    settings = Settings(**{name: value for name, value in given.items() if name in names})

    from vdequant.recolor_wishes import RecolorWish
    from vdequant.recoloring import recolor_picture

    wish = RecolorWish(**{name: given[name] for name in WISHES if name in given})

    def work(progress: Progress) -> RecolorSummary:
        return recolor_picture(args.input, args.output, wish, settings, progress)

    return run_one(args.output, console, work, summary_lines)


def summary_lines(summary: RecolorSummary) -> list[str]:
    """What was done, in two lines."""
    error = error_line(summary.palette_psnr, summary.palette_ssim)
    return [
        f"done: {summary.masked:.1%} of the picture, asked for {summary.color}, mean now {summary.got}; {error}",
        f"wrote: {', '.join(summary.outputs)} {summary.width}x{summary.height}, {size(summary.bytes)}",
    ]
