"""``vdequant evaluate --data DIR``: degrade clean pictures, restore them, and say how near the truth everyone came.

``vdequant evaluate diffusion-tables --data DIR`` redoes the tables of a paper instead.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vdequant.cli import evaluate_diffusion
from vdequant.cli.console import Console
from vdequant.cli.evaluate_telling import tell_tables
from vdequant.cli.options import Parser, add_reporting_options
from vdequant.errors import OutputError, UsageError

if TYPE_CHECKING:
    from vdequant.evaluation.methods import Method
    from vdequant.evaluation.rows import Row
    from vdequant.schedule.device import Engine

FILES = ("evaluation.json", "evaluation.md", "contact.png")
DIFFUSION = "diffusion-tables"
# What is meant by options that are left out; the tables of a paper have other defaults.
LOSSES, METRICS, FRAMES = ("m=16", "palette:16"), ("psnr", "ssim-uniform"), 24
RESTORERS, PEERS = ("cellnet-s", "cellnet-m"), ("spp", "bilateral")
SHEET_ITEMS = 2  # pictures on the contact sheet


def parser() -> argparse.ArgumentParser:
    """The parser of this command; its ``run`` is :func:`run`."""
    result = Parser(
        prog="vdequant evaluate",
        description="Degrade clean pictures or clips, restore them with restorers and peers, and compare with the "
        f"truth. Writes {', '.join(FILES)}; the untouched input is always the first row, and published scores for the "
        "same pictures (LIVE1 as JPEG of quality 10, 20, 30, 40) the last. With diffusion-tables: figures 3, 4 and 9 "
        "and tables 1 to 4 of the paper behind the restorer diffusion, on the middle 256x256 pixels of each picture; "
        f"writes {', '.join(evaluate_diffusion.FILES)}; --cache makes it go on where it was stopped.",
        allow_abbrev=False,
    )
    result.add_argument(
        "tables", nargs="?", choices=(DIFFUSION,), metavar=DIFFUSION, help="redo that paper's tables instead"
    )
    data = result.add_argument_group("what to measure on")
    data.add_argument("--data", nargs="+", required=True, metavar="DIR", help="folders or files, clean")
    data.add_argument("--held-out", action="store_true", help="only tiles that training left out")
    data.add_argument("--limit", type=int, default=0, metavar="N", help="at most N pictures of each folder")
    data.add_argument("--frames", type=int, metavar="N", help=f"frames of a clip; default {FRAMES}")
    data.add_argument(
        "--quantizer",
        nargs="+",
        metavar="TEXT",
        help="losses: m=16, 5-5-5, palette:16 (median cut), palette:16+fs (Floyd-Steinberg), jpeg:10, x264:23 (crf); "
        "default m=16 palette:16",
    )
    who = result.add_argument_group("what to compare")
    who.add_argument(
        "--restorer",
        nargs="*",
        metavar="NAME",
        help="restorers; behind a name +tta for eight answers, +once for one, +lock or +flow for smoothing over time; "
        "default cellnet-s cellnet-m, of diffusion-tables cellnet-m",
    )
    who.add_argument(
        "--peers",
        nargs="*",
        metavar="NAME",
        help="spp, bilateral, gauss, nlm, tv, gradfun, deband, libplacebo, libjpeg, jpegqs, or a network file "
        "(.pth, .safetensors); default spp bilateral, of diffusion-tables deband",
    )
    who.add_argument(
        "--metrics",
        nargs="+",
        metavar="NAME",
        help="psnr, psnr-b, ssim, ssim-uniform, ssim-dequantizernet, mse, delta-e, ab-error, banding, cambi, "
        "certificate, palette-psnr, palette-ssim, lpips, fid, fd-cellnet; of clips flicker, warping-error; default "
        "psnr ssim-uniform",
    )
    who.add_argument("--fidelity", type=float, metavar="F", help="of our restorers; default 1")
    who.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda; see vdequant devices")
    output = result.add_argument_group("writing")
    output.add_argument("-o", "--output", default="evaluation", metavar="DIR", help="folder; default evaluation")
    output.add_argument("-y", "--overwrite", action="store_true", help="replace results that are there")
    output.add_argument("--cache", metavar="DIR", help="keep finished rows here, and take those that are there")
    evaluate_diffusion.add_options(result)
    add_reporting_options(result)
    result.set_defaults(run=run)
    return result


def _output(folder: Path, overwrite: bool, files: tuple[str, ...] = FILES) -> Path:
    """The folder, made; nothing of ours may be in it unless it is to be replaced."""
    there = [name for name in files if (folder / name).exists()]
    if there and not overwrite:
        raise OutputError(f"{folder / there[0]} exists; give another -o, or -y to replace it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}; give another -o") from error
    return folder


def run(args: argparse.Namespace, console: Console) -> int:
    """Measure, write the files, and print the tables."""
    if args.tables == DIFFUSION:
        make_folder = partial(_output, Path(args.output), args.overwrite, evaluate_diffusion.FILES)
        return evaluate_diffusion.run(args, console, make_folder)
    return _run(args, console)


def _run(args: argparse.Namespace, console: Console) -> int:
    from vdequant.evaluation.datasets import find_items
    from vdequant.evaluation.degradations import parse_degradation
    from vdequant.evaluation.report import as_json, contact_sheet, markdown, notes, write_json
    from vdequant.evaluation.run import evaluate
    from vdequant.schedule.device import choose_engine

    _check(args)
    engine = choose_engine(args.device)
    metrics = tuple(args.metrics or METRICS)
    degradations = [parse_degradation(text) for text in args.quantizer or LOSSES]
    methods = _methods(args, engine)
    items = find_items(
        [Path(place) for place in args.data], held_out=args.held_out, limit=args.limit, frames=args.frames or FRAMES
    )
    folder = _output(Path(args.output), args.overwrite)
    cache = Path(args.cache) if args.cache else None

    def done(row: Row) -> None:
        if metrics[0] in row.values:
            console.note(f"{row.degradation}: {row.method}: {metrics[0]} {row.mean(metrics[0]):.4g}")

    found = evaluate(items, degradations, methods, engine=engine, metrics=metrics, cache=cache, done=done)
    text = markdown(found)
    write_json(found, folder / FILES[0])
    (folder / FILES[1]).write_text(text, encoding="utf-8")
    contact_sheet(items[:SHEET_ITEMS], degradations, methods, folder / FILES[2])
    tell_tables(console, notes(found), text, as_json(found), [folder / name for name in FILES])
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse numbers out of range and unknown metrics before anything is read."""
    from vdequant.checks import check_fraction
    from vdequant.evaluation.scores import check_scores

    if args.only:
        raise UsageError(f"expected --only with {DIFFUSION}, got it alone")
    if args.fidelity is not None:
        check_fraction(args.fidelity, "--fidelity")
    if args.limit < 0 or (args.frames is not None and args.frames < 1):
        raise UsageError(f"expected --limit of 0 or more and --frames of 1 or more, got {args.limit} and {args.frames}")
    check_scores(tuple(args.metrics or METRICS))


def _methods(args: argparse.Namespace, engine: Engine) -> list[Method]:
    """Restorers, then peers; their names are checked here."""
    from vdequant.evaluation.methods import Restoring
    from vdequant.evaluation.peers import make_peer

    fidelity = 1.0 if args.fidelity is None else args.fidelity
    names = RESTORERS if args.restorer is None else args.restorer
    drawing = evaluate_diffusion.drawing_of(args)
    restorers: list[Method] = [Restoring(name, engine, fidelity, drawing) for name in names]
    return restorers + [make_peer(name, str(engine.device)) for name in (PEERS if args.peers is None else args.peers)]
