"""Measures everything that the README's tables say, and writes them there.

python scripts/update_readme.py --kodak DIR --art DIR --games DIR [--only main] [--cache runs/eval] [--print]

A table lies between "<!-- table:NAME -->" and "<!-- /table -->". Finished rows are kept in the cache by their settings
and the checksum of their weights, so an interrupted run goes on where it was and only what is new is measured.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import bench

from vdequant.errors import VdequantError
from vdequant.evaluation.datasets import Item, find_items
from vdequant.evaluation.degradations import parse_degradation
from vdequant.evaluation.methods import Method, Restoring
from vdequant.evaluation.peers import PEERS, make_peer
from vdequant.evaluation.report import table
from vdequant.evaluation.rows import Row
from vdequant.evaluation.run import evaluate
from vdequant.evaluation.samples import Sample, samples_table
from vdequant.schedule.device import Engine, choose_engine

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "samples"
LEVELS = ["m=4", "m=8", "m=16"]
COLORS = [f"palette:{colors}" for colors in (8, 16, 32, 64, 128)]
DITHERED = [f"{loss}+fs" for loss in COLORS]
METRICS = ("psnr", "ssim-uniform")
ROWS = ["spp", "bilateral", "tv", "gradfun", "deband", "our-deband", "cellnet-s", "cellnet-m", "cellnet-l"]
CASES = [
    Sample(SAMPLES / "scene_555.mkv", SAMPLES / "scene_truth.mkv"),
    Sample(SAMPLES / "scene_16.gif", SAMPLES / "scene_truth.mkv", every=2),
    Sample(SAMPLES / "scene_h264.mp4", SAMPLES / "scene_truth.mkv"),
    Sample(SAMPLES / "still_m8.png", SAMPLES / "still_truth.png"),
    Sample(SAMPLES / "still_16.png", SAMPLES / "still_truth.png"),
    Sample(SAMPLES / "still_bw.png", SAMPLES / "still_truth.png", gray=True),
]


def _methods(names: Sequence[str], engine: Engine) -> list[Method]:
    """Rows by name; "our-deband" is the restorer, "deband" the peer."""
    return [
        make_peer(name) if name in PEERS else Restoring(name.removeprefix("our-"), engine) for name in names
    ]  # fmt: skip


def _said(row: Row) -> None:
    print(f"  {row.degradation:14} {row.method:18} {row.mean('psnr'):7.3f} {row.mean('ssim-uniform'):.4f} {row.note}")


def _table(items: Sequence[Item], losses: Sequence[str], names: Sequence[str], args: argparse.Namespace) -> str:
    engine = choose_engine(args.device)
    degradations = [parse_degradation(loss) for loss in losses]
    methods = _methods([name for name in names if name in args.rows], engine)
    found = evaluate(items, degradations, methods, engine=engine, metrics=METRICS, cache=args.cache, done=_said)
    return table(found, "psnr")


def kodak(args: argparse.Namespace) -> str:
    """Levels a channel, from coarse to fine."""
    losses = [*LEVELS, "m=32"]
    return _table(find_items([args.kodak]), losses, ["spp", "our-deband", "cellnet-s", "cellnet-m", "cellnet-l"], args)


def main_table(args: argparse.Namespace) -> str:
    """Photographs, then art and games that training never saw: levels and palettes, plain and dithered."""
    places = (
        ("Kodak-24", args.kodak, False),
        ("art, held out", args.art, True),
        ("game screens, held out", args.games, False),
    )
    # All are looked for first: a folder without held out tiles is better known before the first hour of work.
    found = [(title, find_items([place], held_out=held_out)) for title, place, held_out in places if place is not None]
    parts = []
    for title, items in found:
        for words, losses in (("", [*LEVELS, *COLORS]), (", Floyd-Steinberg", DITHERED)):
            print(f"{title}{words}", flush=True)
            parts.append(f"**{title}{words}** ({len(items)} pictures)\n\n{_table(items, losses, ROWS, args)}")
    return "\n\n".join(parts)


def samples(args: argparse.Namespace) -> str:
    """The shipped samples through the whole program."""
    return samples_table(
        CASES, [name for name in ("deband", "cellnet-s", "cellnet-m", "cellnet-l") if name in args.rows]
    )


def speed(_: argparse.Namespace) -> str:
    """Frames a second, end to end."""
    return bench.table(256, 240, 600, ["identity", "cellnet-s", "cellnet-m"], 0)


TABLES: dict[str, Callable[[argparse.Namespace], str]] = {
    "kodak": kodak,
    "main": main_table,
    "samples": samples,
    "speed": speed,
}
NEEDS_KODAK = ("kodak", "main")


def written(readme: str, name: str, text: str) -> str:
    """``readme`` with a table replaced.

    Raises:
        VdequantError: it has no place for that table.
    """
    pattern = re.compile(rf"(<!-- table:{name} -->\n).*?(\n?<!-- /table -->)", re.DOTALL)
    if not pattern.search(readme):
        raise VdequantError(f"expected '<!-- table:{name} -->' and '<!-- /table -->' in README.md, found neither")
    return pattern.sub(lambda found: f"{found[1]}{text}\n<!-- /table -->", readme)


def main() -> None:
    """Measure the tables, and write each as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kodak", type=Path, help="folder of the 24 Kodak pictures, 768x512 and 512x768")
    parser.add_argument("--art", type=Path, help="folder of art tiles; those held out from training are taken")
    parser.add_argument("--games", type=Path, help="folder that scripts/game_screens.py made; all are taken")
    parser.add_argument("--only", nargs="+", choices=sorted(TABLES), default=list(TABLES), help="which tables")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, help="which rows besides nothing")
    parser.add_argument("--cache", type=Path, default=ROOT / "runs" / "eval", help="folder of finished rows")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--print", action="store_true", help="print the tables and leave the README alone")
    args = parser.parse_args()
    if args.kodak is None and set(args.only) & set(NEEDS_KODAK):
        parser.error(f"--kodak is needed for the tables {' and '.join(NEEDS_KODAK)}")
    if args.games is not None and not (args.games / "sources.csv").exists():
        parser.error("--games takes the folder that scripts/game_screens.py makes, of games that training never saw")
    readme = ROOT / "README.md"
    for name in args.only:
        text = TABLES[name](args)
        if args.print:
            print(f"\n{text}\n", flush=True)
        else:
            readme.write_text(written(readme.read_text(encoding="utf-8"), name, text), encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except VdequantError as error:
        sys.exit(f"update_readme: {error}")
