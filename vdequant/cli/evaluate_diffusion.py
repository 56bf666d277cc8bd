"""``vdequant evaluate diffusion-tables --data DIR``: the figures and tables of the paper behind *diffusion*, redone."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vdequant.cli.console import Console
from vdequant.cli.evaluate_telling import tell_tables
from vdequant.cli.options import add_sampling_options
from vdequant.cli.progress import SECONDS_BETWEEN_LINES
from vdequant.errors import UsageError
from vdequant.settings import Settings

if TYPE_CHECKING:
    from vdequant.evaluation.diffusion_tables import Order
    from vdequant.evaluation.methods import Drawing
    from vdequant.evaluation.rows import Row
    from vdequant.schedule.device import Engine

FILES = ("diffusion-tables.json", "diffusion-tables.md")
RESTORERS, PEERS = ("cellnet-m", "diffusion"), ("deband",)  # by default, beside the model
FOREIGN = ("quantizer", "metrics", "frames", "fidelity")  # options of other evaluations


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those that other evaluations do not have."""
    group = parser.add_argument_group("of diffusion-tables")
    group.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="figure-3, figure-4, table-1 to table-4, figure-9; default all, which takes 86 samples a picture",
    )
    add_sampling_options(
        parser,
        several="draw so many pictures, and take their mean; default 1, of the restorer diffusion in figure 3 4",
        usual="27 of ddpm, of that restorer 5 of dpm",
    )


class Progress:
    """Says now and then how far the tables are, and about how long the rest takes."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._begun = self._said = time.monotonic()

    def __call__(self, done: int, total: int, row: Row) -> None:
        """``done`` of ``total`` cells are known; the newest is ``row``."""
        now = time.monotonic()
        if now - self._said < SECONDS_BETWEEN_LINES and done < total:
            return
        self._said = now
        left = (now - self._begun) / done * (total - done)
        values = ", ".join(f"{metric} {row.mean(metric):.4g}" for metric in row.values) or "not measured"
        about = f", about {left / 60:.0f} min left" if done < total else ""
        where = f"{', '.join(row.pictures)} {row.degradation}, {row.method}"
        self.console.note(f"{done} of {total}{about}: {where.strip()}: {values}")


def run(args: argparse.Namespace, console: Console, make_folder: Callable[[], Path]) -> int:
    """Measure, write the two files, and print the tables.

    Args:
        make_folder: makes the folder for them, or refuses to; called before the work begins.
    """
    from vdequant.evaluation.diffusion_answers import Models
    from vdequant.evaluation.diffusion_report import as_json, markdown, notes, write_json
    from vdequant.evaluation.diffusion_scenes import find_scenes
    from vdequant.evaluation.diffusion_tables import measure_tables
    from vdequant.models.denoisers import denoiser_for
    from vdequant.schedule.device import choose_engine

    _check(args)
    engine = choose_engine(args.device)
    drawing = drawing_of(args)
    order = _order(args, engine, drawing)
    models = Models(engine, partial(denoiser_for, base=drawing.base, encoder=drawing.encoder))
    scenes = find_scenes([Path(place) for place in args.data], held_out=args.held_out, limit=args.limit)
    models.kind()  # refuses to begin without any
    folder = make_folder()
    found = measure_tables(scenes, models, order, Progress(console))
    text = markdown(found)
    write_json(found, folder / FILES[0])
    (folder / FILES[1]).write_text(text, encoding="utf-8")
    tell_tables(console, notes(found), text, as_json(found), [folder / name for name in FILES])
    return 0


def _order(args: argparse.Namespace, engine: Engine, drawing: Drawing) -> Order:
    """What is to be measured; refuses unknown names."""
    from vdequant.checks import check_choice
    from vdequant.evaluation.diffusion_questions import TABLES
    from vdequant.evaluation.diffusion_tables import Order
    from vdequant.evaluation.methods import Method, Nothing, Restoring
    from vdequant.evaluation.peers import make_peer
    from vdequant.restorers.sampling import Sampling

    wanted = args.only or TABLES
    for name in wanted:
        check_choice(name, TABLES, "--only")
    names = _given(args.restorer, RESTORERS)
    restorers: list[Method] = [Restoring(name, engine, drawing=drawing) for name in names]
    peers = [make_peer(name, str(engine.device)) for name in _given(args.peers, PEERS)]
    return Order(
        Sampling.of(_settings(args)),
        (Nothing(), *peers, *restorers),
        tuple(name for name in TABLES if name in wanted),
        Path(args.cache) if args.cache else None,
    )


def _given(names: list[str] | None, default: tuple[str, ...]) -> tuple[str, ...]:
    return default if names is None else tuple(names)


def drawing_of(args: argparse.Namespace) -> Drawing:
    """What the options of :func:`~vdequant.cli.options.add_sampling_options` say to the restorer diffusion."""
    from vdequant.evaluation.methods import Drawing
    from vdequant.restorers.sampling import Sampling

    settings = _settings(args)
    return Drawing(Sampling.to_restore(settings), settings.base, settings.encoder)


def _settings(args: argparse.Namespace) -> Settings:
    names = ("sampler", "steps", "seed", "samples", "base", "encoder")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return Settings(restorer="diffusion", **given)


def _check(args: argparse.Namespace) -> None:
    """Refuse options of other evaluations, which would have no effect here."""
    for name in FOREIGN:
        if getattr(args, name) is not None:
            raise UsageError(f"expected no --{name} with diffusion-tables, whose losses and scores are the paper's")
    if args.limit < 0:
        raise UsageError(f"expected --limit of 0 or more, got {args.limit}")
