"""Redoes tables I and II and figure 6 of *map*: its methods, doing nothing and cellnet-m on 100 small pictures.

The prior that ships, on pictures that its training never saw (one source in 25 of the tiles, and other folders whole):

    python scripts/map_tables.py --tiles photos-1 photos-2 art --others games-held -o tables/free

The paper's faces, with the prior that scripts/train_prior.py makes of them:

    python scripts/map_tables.py --prior faces-prior.safetensors --others faces64/test -o tables/faces

Writes tables.json, tables.md, figure6.csv and, where matplotlib is installed, figure6.png. With --race N the published
search of N steps runs against the quick one on four of the pictures. The row of Yeh et al. needs a prior with a critic.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vdequant.evaluation.map_tables import (
    LEVELS,
    THRESHOLDS,
    Bench,
    Column,
    Race,
    Score,
    Tables,
    column_of,
    measure_all,
    race,
)  # fmt: skip
from vdequant.models.prior_weights import Prior, packaged_prior, read_prior
from vdequant.restorers.map_search import PUBLISHED, Search, quick_search
from vdequant.training.data import to_tensor
from vdequant.training.prior_pictures import cutout, read

RACED = 4  # pictures
SECONDS_BETWEEN_LINES = 20.0


def pictures(tiles: list[Path], others: list[Path], side: int, count: int) -> Tensor:
    """``(N, 3, side, side)``: cutouts of held-back tiles and of other pictures, spread evenly, the same each time."""
    found = [pixels for folder in tiles for pixels in read([folder], side).held]
    for folder in others:
        all_of_it = read([folder], side)
        found += all_of_it.train + all_of_it.held
    rng = np.random.default_rng(1)
    places = np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int)
    return torch.stack([to_tensor(cutout(found[place], side, rng)) for place in places])


def draw(tables: Tables, folder: Path) -> None:
    """Figure 6 as numbers, and as a picture where matplotlib is there; nothing where no threshold was unknown."""
    if not tables.curves:
        return
    with (folder / "figure6.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("column", "step", "variance"))
        for curve in tables.curves:
            writer.writerows(zip([curve.column] * len(curve.steps), curve.steps, curve.variance, strict=True))
    if importlib.util.find_spec("matplotlib") is None:
        print("figure6.png left out: pip install matplotlib")
        return
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    for curve, color in zip(tables.curves, ("tab:blue", "tab:red"), strict=False):
        axes.plot(curve.steps, curve.variance, color=color, label=curve.column)
    axes.set(xlabel="steps", ylabel="variance of the estimate's error", ylim=(0, None))
    axes.legend()
    figure.savefig(folder / "figure6.png", dpi=120, bbox_inches="tight")


def raced(prior: Prior, truth: Tensor, steps: int, quick: Search) -> dict[str, Race]:
    """The published search against the quick one, for a color and a gray column."""
    columns: list[Column] = [column_of(name, truth[:RACED]) for name in ("m=2", "delta=0.4")]
    published = replace(PUBLISHED, steps=steps)
    return {column.name: race(prior, column, published, quick) for column in columns}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=Path, nargs="*", default=[], help="folders; held-back pictures are taken")
    parser.add_argument("--others", type=Path, nargs="*", default=[], help="folders; all pictures are taken")
    parser.add_argument("--prior", type=Path, help="file of train_prior.py; default the packaged one")
    parser.add_argument("--count", type=int, default=100, help="pictures")
    parser.add_argument("--columns", nargs="*", default=[*LEVELS, *THRESHOLDS], help="default all")
    parser.add_argument("--steps", type=int, help="of each search; default those of the prior's quick search")
    parser.add_argument("--start", choices=("zero", "guess", "noise"), default="guess", help="of each search")
    parser.add_argument("--weight", type=float, default=0.1, help="of the critic in the method of Yeh et al.")
    parser.add_argument("--race", type=int, default=0, metavar="N", help="steps of the published search; default none")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("-o", "--output", type=Path, default=Path("tables"), help="folder")
    return parser.parse_args()


def main() -> None:
    """Measure and write."""
    args = arguments()
    torch.set_num_threads(1)
    prior = read_prior(args.prior) if args.prior else packaged_prior("map-prior")
    device = torch.device(args.device)
    prior.to(device, torch.bfloat16)
    truth = pictures(args.tiles, args.others, prior.spec.side, args.count).to(device)
    quick = quick_search(prior)
    settings = replace(
        quick, steps=args.steps or quick.steps, coarse=0, restarts=0, start=args.start, patience=0, every=1
    )  # fmt: skip
    said = [time.monotonic()]

    def told(done: int, total: int, objective: float) -> None:
        if time.monotonic() - said[0] > SECONDS_BETWEEN_LINES:
            said[0] = time.monotonic()
            print(f"  step {done} of {total}, objective {objective:,.0f}", flush=True)

    def done(score: Score) -> None:
        figures = f"{score.error:.4f} / {score.psnr:.2f} / {score.ssim:.3f}, {score.seconds:.0f} s"
        print(f"{score.column}, {score.method}: {figures}", flush=True)

    tables = measure_all(Bench(prior, settings, args.weight, told), truth, tuple(args.columns), done)
    args.output.mkdir(parents=True, exist_ok=True)
    races = raced(prior, truth, args.race, settings) if args.race else {}
    found = {**tables.as_dict(), "race": {name: asdict(result) for name, result in races.items()}}
    (args.output / "tables.json").write_text(json.dumps(found, indent=1))
    (args.output / "tables.md").write_text(tables.markdown() + "\n")
    draw(tables, args.output)
    print(tables.markdown())
    for name, result in races.items():
        print(f"race at {name}: {result}")


if __name__ == "__main__":
    main()
