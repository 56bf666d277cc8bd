"""``vdequant [restore] INPUT... -o OUTPUT``: restore videos, pictures and folders of frames."""

from __future__ import annotations

import argparse
import os
import shlex
from dataclasses import fields
from typing import TYPE_CHECKING

import vdequant
from vdequant.cli import COMMANDS
from vdequant.cli.batch import restore_all
from vdequant.cli.console import Console
from vdequant.cli.naming import is_folder_name, suggested_output
from vdequant.cli.one_job import run_one
from vdequant.cli.options import (
    Parser,
    add_input_options,
    add_picture_options,
    add_raw_options,
    add_reporting_options,
    add_sampling_options,
    add_stream_options,
    scale,
    scaler,
)
from vdequant.cli.progress import Progress, summary_lines
from vdequant.errors import UsageError
from vdequant.settings import CHROMAS, Settings

if TYPE_CHECKING:
    from vdequant.pipeline import Summary


def parser() -> argparse.ArgumentParser:
    """The parser of this command; its ``run`` is :func:`run`."""
    others = ", ".join(name for name in COMMANDS if name != "restore")
    result = Parser(
        prog="vdequant",
        usage="vdequant [restore] INPUT [INPUT ...] -o OUTPUT [options]",
        description="Turn coarsely quantized pictures and video into finely quantized ones.",
        epilog=f"Other commands: {others}; for example: vdequant probe INPUT",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    result.add_argument(
        "inputs", nargs="*", default=[], metavar="INPUT", help="video, picture, folder of frames, or - for stdin"
    )
    result.add_argument("-i", "--input", action="append", metavar="INPUT", help="an input, as in ffmpeg")
    result.add_argument(
        "-o",
        "--output",
        metavar="OUTPUT",
        help="file, folder for numbered PNGs, or - for stdout; with several inputs a directory",
    )
    result.add_argument("-y", "--overwrite", action="store_true", help="replace an existing output")
    result.add_argument(
        "--version", action="version", version=f"vdequant {vdequant.__version__}", help="show the version"
    )
    add_picture_options(result)
    add_sampling_options(result)
    add_output_options(result)
    add_input_options(result)
    add_raw_options(result)
    add_stream_options(result)
    add_reporting_options(result)
    result.set_defaults(run=run, input=[], output="", json=False, verbose=False, quiet=False)
    return result


def add_output_options(result: argparse.ArgumentParser) -> None:
    """What the output shall be like."""
    group = result.add_argument_group("writing")
    group.add_argument(
        "-c",
        "--codec",
        metavar="NAME",
        help="av1 (default for mp4, mkv, webm), hevc, h264, vp9, ffv1, prores (default for mov)",
    )
    group.add_argument("--crf", "--quality", type=float, metavar="Q", help="encoder quality, lower is better")
    group.add_argument("--preset", metavar="NAME", help="the encoder's own preset")
    group.add_argument("--lossless", action="store_true", help="FFV1 in RGB, in an .mkv")
    group.add_argument(
        "--bits", type=int, metavar="N", help="depth of the output; default 16 for pictures, 10 for video"
    )
    group.add_argument("--chroma", choices=CHROMAS, help="chroma resolution; default what the codec is made for")
    group.add_argument(
        "--scale", "--upscale", type=scale, metavar="N", help="enlarge N times, after restoring; default auto"
    )
    group.add_argument(
        "--scaler",
        type=scaler,
        metavar="NAME",
        help="what enlarges, and makes the input's own enlargement again: nearest (default); xbr, which follows edges; "
        "or a network file (.pth, .safetensors)",
    )
    group.add_argument(
        "--vfr",
        action="store_true",
        help="write equal pictures in a row once, with the time of them all (not for .nut)",
    )
    group.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        help="keep finished segments in OUTPUT.parts until the job is done, and go on from them after a crash; default "
        "for videos of more than half a minute",
    )
    group.add_argument("--compare", action="store_true", help="left half the input, right half the result")


def run(args: argparse.Namespace, console: Console) -> int:
    """Restore every input and return the exit code."""
    inputs = [*args.inputs, *args.input]
    _check(inputs, args.output, as_json=args.json)
    settings = settings_of(args)
    if len(inputs) == 1:
        inputs = _apart(inputs[0], args.output, console)
    if len(inputs) > 1:
        return restore_all(inputs, args.output, settings, console)
    return _restore_one(inputs[0], args.output, settings, console)


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings that the command line gives; the rest keeps its defaults."""
    given = vars(args)
    return Settings(**{field.name: given[field.name] for field in fields(Settings) if field.name in given})


def _apart(source: str, target: str, console: Console) -> list[str]:
    """The pictures of a folder of screenshots, which are no video, when a folder is to be written; else the input."""
    if not os.path.isdir(source):
        return [source]
    from vdequant.media.frame_list import stills_in
    from vdequant.media.plan import output_kind

    if output_kind(target) != "folder":
        return [source]
    files, why = stills_in(source)
    if not files:
        return [source]
    console.note(f"{source} holds {len(files)} pictures {why}: each is restored for itself")
    return [str(file) for file in files]


def _check(inputs: list[str], output: str, *, as_json: bool) -> None:
    """Refuse what cannot be meant, with the command that may have been."""
    if not inputs:
        raise UsageError("expected an INPUT, for example: vdequant game.mkv -o restored.mp4; see vdequant --help")
    if len(inputs) > 1 and not is_folder_name(output):
        wanted = shlex.join(["vdequant", *inputs, "-o", "restored/"])
        raise UsageError(f"expected -o DIRECTORY/ for {len(inputs)} inputs, got {output or 'none'}; try: {wanted}")
    if not output:
        wanted = shlex.join(["vdequant", inputs[0], "-o", suggested_output(inputs[0])])
        raise UsageError(f"expected -o OUTPUT, for example: {wanted}")
    if as_json and output == "-":
        raise UsageError("expected a file for -o together with --json, since both write to standard output, got -")


def _restore_one(source: str, target: str, settings: Settings, console: Console) -> int:
    def work(progress: Progress) -> Summary:
        return vdequant.restore(source, target, settings, observer=progress)

    return run_one(target, console, work, summary_lines)
