"""``vdequant quantize INPUT... -o OUTPUT --to TEXT``: the other direction, what a quantizer would have stored."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from vdequant.cli.batch import run_all
from vdequant.cli.console import Console
from vdequant.cli.naming import batch_outputs, is_folder_name, suggested_output
from vdequant.cli.one_job import run_one
from vdequant.cli.options import Parser, add_input_options, add_reporting_options, scale
from vdequant.cli.progress import Progress, frame_count, size
from vdequant.errors import UsageError
from vdequant.quantizers import DITHER_KINDS
from vdequant.settings import Settings

if TYPE_CHECKING:
    from vdequant.degrading import DegradingSummary, Target

VIDEO = ".mkv"  # holds FFV1, and with it exact values


def parser() -> argparse.ArgumentParser:
    """The parser of this command; its ``run`` is :func:`run`."""
    result = Parser(
        prog="vdequant quantize",
        usage="vdequant quantize INPUT [INPUT ...] -o OUTPUT --to TEXT [options]",
        description="Quantize pictures and video; the output holds exactly the values of the quantizer.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    result.add_argument(
        "inputs", nargs="*", default=[], metavar="INPUT", help="video, picture, folder of frames, or - for stdin"
    )
    result.add_argument(
        "-o",
        "--output",
        metavar="OUTPUT",
        help=".png, .mkv, folder for numbered PNGs, or - for stdout; with several inputs a directory",
    )
    result.add_argument("-y", "--overwrite", action="store_true", help="replace an existing output")
    _add_loss_options(result)
    _add_output_options(result)
    add_input_options(result)
    add_reporting_options(result)
    result.set_defaults(
        run=run, output="", to="", dither="none", palette_per="clip", size=None, seed=0,
        json=False, verbose=False, quiet=False,
    )  # fmt: skip
    return result


def _add_loss_options(result: argparse.ArgumentParser) -> None:
    group = result.add_argument_group("what shall be lost")
    group.add_argument(
        "--to",
        metavar="TEXT",
        help="m=4 (levels per channel), 5-5-5, 5-6-5/shift (bits), palette:16 (also /kmeans, /octree), "
        "palette:FILE, palette:nes, gray:0.5, gray:otsu, gray:m=4, jpeg:10 (also /444), chroma:420, random, or a "
        "console: nes, gameboy, snes, c64, zx ...",
    )
    group.add_argument("--dither", choices=("none", *DITHER_KINDS), help=f"{', '.join(DITHER_KINDS)}; default none")
    group.add_argument(
        "--palette-per", choices=("clip", "frame"), help="one palette or threshold for all frames (default), or each"
    )
    group.add_argument(
        "--size", type=_size, metavar="SIZE", help="resize first, by areas: WIDTHxHEIGHT, or native for a console's own"
    )
    group.add_argument("--seed", type=int, metavar="N", help="of palette:N/kmeans and random; default 0")


def _add_output_options(result: argparse.ArgumentParser) -> None:
    group = result.add_argument_group("writing")
    group.add_argument("-c", "--codec", metavar="NAME", help="a lossy codec instead of FFV1, such as h264")
    group.add_argument("--crf", "--quality", type=float, metavar="Q", help="encoder quality, lower is better")
    group.add_argument("--preset", metavar="NAME", help="the encoder's own preset")
    group.add_argument("--bits", type=int, metavar="N", help="depth of the output; default 8")
    group.add_argument("--scale", type=scale, metavar="N", help="enlarge afterwards, nearest neighbor; default auto")
    group.add_argument("--workers", type=int, metavar="N", help="worker threads; default one a core")


def _size(text: str) -> tuple[int, int] | str:
    """``native``, or a width and a height."""
    if text == "native":
        return text
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected native or WIDTHxHEIGHT such as 256x240, got {text!r}")
    return int(match[1]), int(match[2])


def run(args: argparse.Namespace, console: Console) -> int:
    """Quantize every input and return the exit code."""
    _check(args.inputs, args.output, args.to, as_json=args.json)
    given = vars(args)
    names = {field.name for field in fields(Settings)} - {"dither", "quantizer"}
    settings = Settings(**{name: value for name, value in given.items() if name in names})

    from vdequant.degrading import Target

    target = Target(to=args.to, dither=args.dither, palette_per=args.palette_per, size=args.size or "", seed=args.seed)
    if len(args.inputs) > 1:
        return _quantize_all(args.inputs, args.output, target, settings, console)
    return _quantize_one(args.inputs[0], args.output, target, settings, console)


def _check(inputs: list[str], output: str, to: str, *, as_json: bool) -> None:
    """Refuse what cannot be meant, with the command that may have been."""
    if not inputs:
        raise UsageError(
            "expected an INPUT, for example: vdequant quantize photo.png -o coarse.png --to m=4; see "
            "vdequant quantize --help"
        )
    if len(inputs) > 1 and not is_folder_name(output):
        wanted = shlex.join(["vdequant", "quantize", *inputs, "-o", "quantized/", "--to", to or "m=4"])
        raise UsageError(f"expected -o DIRECTORY/ for {len(inputs)} inputs, got {output or 'none'}; try: {wanted}")
    if not output or not to:
        named = output or suggested_output(inputs[0], "quantized", VIDEO)
        wanted = shlex.join(["vdequant", "quantize", inputs[0], "-o", named, "--to", to or "5-5-5"])
        raise UsageError(f"expected {'--to TEXT' if output else '-o OUTPUT'}, for example: {wanted}")
    if as_json and output == "-":
        raise UsageError("expected a file for -o together with --json, since both write to standard output, got -")


def _quantize_one(source: str, output: str, target: Target, settings: Settings, console: Console) -> int:
    from vdequant.degrading import degrade

    def work(progress: Progress) -> DegradingSummary:
        return degrade(source, output, target, settings, progress)

    return run_one(output, console, work, summary_lines)


def _quantize_all(inputs: list[str], folder: str, target: Target, settings: Settings, console: Console) -> int:
    from vdequant.degrading import degrade

    def one(source: str, output: str, progress: Progress) -> Mapping[str, object]:
        return degrade(source, output, target, settings, progress).as_dict()

    return run_all(inputs, folder, batch_outputs(inputs, folder, VIDEO), one, console, "quantized")


def summary_lines(summary: DegradingSummary) -> list[str]:
    """What was done, in one line."""
    what = f"{summary.width}x{summary.height}, {frame_count(summary.frames)} in {summary.seconds:.1f} s"
    return [f"wrote: {summary.output} {what}, {size(summary.bytes)}"]
