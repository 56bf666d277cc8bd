"""``vdequant palette INPUT --from PALETTE -o OUTPUT``: a picture or clip in the palette of another one."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import fields
from typing import TYPE_CHECKING

from vdequant.cli.console import Console
from vdequant.cli.naming import suggested_output
from vdequant.cli.one_job import run_one
from vdequant.cli.options import (
    Parser,
    add_input_options,
    add_reporting_options,
    add_sampling_options,
    restorer,
    scale,
)
from vdequant.cli.progress import Progress, frame_count, percent, size
from vdequant.edits import METHODS, TEXTURES
from vdequant.errors import UsageError
from vdequant.restorers import RESTORERS
from vdequant.settings import CHROMAS, Settings

if TYPE_CHECKING:
    from vdequant.repaletting import PaletteSummary

DEFAULTS = {
    "method": METHODS[0],
    "texture": "",
    "origin": "",
    "colors": 0,
    "mapping": "",
    "save_mapping": "",
    "fidelity": None,
}


def parser() -> argparse.ArgumentParser:
    """The parser of this command; its ``run`` is :func:`run`."""
    result = Parser(
        prog="vdequant palette",
        usage="vdequant palette INPUT --from PALETTE -o OUTPUT [options]",
        description="Show a picture, a folder of frames or a clip in another palette: quantize, exchange the colors, "
        "dequantize. In video the exchange is decided once a shot.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    result.add_argument("input", metavar="INPUT", help="picture, folder of frames, or video, which is read twice")
    result.add_argument("-o", "--output", metavar="OUTPUT", help=".png, .mp4, .mkv, or folder for numbered PNGs")
    result.add_argument("-y", "--overwrite", action="store_true", help="replace an existing output")
    _add_palette_options(result)
    _add_work_options(result)
    add_sampling_options(
        result, several="write so many pictures, NAME-1.png and so on; default 1; not for video", usual="27 of ddpm"
    )
    _add_output_options(result)
    add_input_options(result)
    add_reporting_options(result)
    result.set_defaults(run=run, output="", changes=[], json=False, verbose=False, quiet=False, **DEFAULTS)
    return result


def _add_palette_options(result: argparse.ArgumentParser) -> None:
    group = result.add_argument_group("the palette")
    group.add_argument(
        "--from",
        dest="origin",
        metavar="PALETTE",
        help="a picture or clip, a .gpl, .hex, .pal or .act file, matplotlib:NAME (needs matplotlib), or "
        '"#1e2234,#aa5500,..."',
    )
    group.add_argument(
        "--colors", type=int, metavar="N", help="of both palettes, 1 to 256; default 16, or what there is"
    )
    group.add_argument(
        "--method", choices=METHODS, help="exchange for the most similar colors (default), or the most dissimilar ones"
    )
    group.add_argument(
        "--map",
        dest="changes",
        action="append",
        metavar="A=B",
        help='one exchange of your own, "#aa0000=#00aa00": the nearest color of the palette to the first becomes the '
        "second; may be repeated, and alone, without --from",
    )
    group.add_argument("--save-mapping", metavar="FILE", help="write the exchange as JSON, to be edited")
    group.add_argument("--mapping", metavar="FILE", help="use such a file instead of --from")


def _add_work_options(result: argparse.ArgumentParser) -> None:
    group = result.add_argument_group("dequantizing")
    group.add_argument(
        "--texture",
        choices=TEXTURES,
        help="what comes along of the source. L (default): what lies between its colors, and no restorer is needed; "
        "L-post: dequantized without, then its luminance is put back, over the palette; off: nothing. With --restorer "
        "diffusion, told to the model: T (implies it): where luminance is steep; G (default there, and implies it): "
        "its slopes; L and L-post: luminance; off: nothing",
    )
    group.add_argument(
        "--restorer",
        type=restorer,
        metavar="NAME",
        help=f"{', '.join(('auto', *RESTORERS))}; auto: cellnet-m, cellnet-s for video on a CPU, and "
        "diffusion for --texture T and G",
    )
    group.add_argument(
        "--fidelity",
        type=float,
        metavar="F",
        help="1 (default): every pixel stays nearest to the color that was asked for; 0 (default with --restorer "
        "diffusion, as published): trust the restorer alone",
    )
    group.add_argument("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1; see vdequant devices")
    group.add_argument("--workers", type=int, metavar="N", help="worker threads on the CPU; default one a core")
    group.add_argument("--tile", type=int, metavar="PX", help="side of a tile in pixels; default automatic")


def _add_output_options(result: argparse.ArgumentParser) -> None:
    group = result.add_argument_group("writing")
    group.add_argument("-c", "--codec", metavar="NAME", help="av1, hevc, h264, vp9, ffv1, prores; default by container")
    group.add_argument("--crf", "--quality", type=float, metavar="Q", help="encoder quality, lower is better")
    group.add_argument("--preset", metavar="NAME", help="the encoder's own preset")
    group.add_argument("--lossless", action="store_true", help="FFV1 in RGB, into .mkv")
    group.add_argument("--bits", type=int, metavar="N", help="bits per sample; default 16 for pictures, 10 for video")
    group.add_argument("--chroma", choices=CHROMAS, help="chroma format of video; default the codec's own")
    group.add_argument("--scale", type=scale, metavar="N", help="enlarge afterwards, nearest neighbor; default auto")


def run(args: argparse.Namespace, console: Console) -> int:
    """Transfer the palette and return the exit code."""
    if not args.output:
        words = ["vdequant", "palette", args.input, "--from", args.origin or "other.png"]
        wanted = shlex.join([*words, "-o", suggested_output(args.input, "repainted")])
        raise UsageError(f"expected -o OUTPUT, for example: {wanted}")
    given = vars(args)
    names = {field.name for field in fields(Settings)} - set(DEFAULTS)
    settings = Settings(**{name: value for name, value in given.items() if name in names})

    from vdequant.palette_wishes import PaletteWish
    from vdequant.repaletting import transfer_palette

    wish = PaletteWish(**{name: given[name] for name in DEFAULTS}, changes=tuple(args.changes))

    def work(progress: Progress) -> PaletteSummary:
        return transfer_palette(args.input, args.output, wish, settings, progress)

    return run_one(args.output, console, work, summary_lines)


def error_line(psnr: float | None, ssim: float | None) -> str:
    """The paper's palette error in words."""
    found = "none" if psnr is None else f"{psnr:.1f} dB"
    return f"palette error {found}" + ("" if ssim is None else f", palette SSIM {ssim:.3f}")


def summary_lines(summary: PaletteSummary) -> list[str]:
    """What was done, in two lines."""
    error = error_line(summary.palette_psnr, summary.palette_ssim)
    count, measured = len(summary.outputs), summary.measured_frames
    some = f" ({measured} of {summary.frames} frames measured)" if measured < summary.frames else ""
    done = f"{count} pictures" if count > 1 else frame_count(summary.frames)
    return [
        f"done: {done} in {summary.seconds:.1f} s; {percent(summary.certificate)} of samples "
        f"have the color that was asked for; {error}{some}",
        f"wrote: {', '.join(summary.outputs)} {summary.width}x{summary.height}, {size(summary.bytes)}",
    ]
