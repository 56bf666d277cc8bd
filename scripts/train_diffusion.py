"""Makes the diffusion model that ships: the base, then its encoders L, G and T.

    python scripts/train_diffusion.py base --tiles photos-1 photos-2 art games --steps 9000
    python scripts/train_diffusion.py L --tiles photos-1 photos-2 art games --steps 6000
    python scripts/train_diffusion.py T --start L --tiles photos-1 photos-2 art games --steps 2500
    python scripts/train_diffusion.py G --start L --tiles photos-1 photos-2 art games --steps 2500

For a base that others trained, in the Hugging Face cache (hf download NAME), encoders are trained as published:

    python scripts/train_diffusion.py T --base DeepFloyd/IF-II-L-v1.0 --tiles photos --steps 300000 --device cuda \\
        --output encoders

Checkpoints go to --runs every two minutes; the same command continues after an interruption.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from release_data import CARD

from vdequant.errors import VdequantError
from vdequant.models.conditioning import TEXTURES
from vdequant.training.loop import Trainer, TrainSettings
from vdequant.training.recipe_diffusion import DiffusionOrder, train_diffusion
from vdequant.training.recipe_pretrained import BATCH, RATE, SIDE, train_pretrained

WEIGHTS = Path(__file__).parent.parent / "vdequant" / "weights"


def tell(trainer: Trainer[Any, Any], loss: float) -> None:
    """A line now and then."""
    best = {name: round(value, 3) for name, value in trainer.best.items()}
    print(f"step {trainer.steps}, {trainer.seconds:.0f} s, loss {loss:.4f}, best {best}", flush=True)


def main() -> None:
    """Train, resume, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("base", *TEXTURES), help="what to train")
    parser.add_argument("--tiles", type=Path, nargs="+", required=True, help="folders of pictures")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int, default=0, help="length of the schedule")
    length.add_argument("--minutes", type=float, default=0.0, help="length of the schedule in minutes of training")
    parser.add_argument("--base", default="", help="a model that others trained: name or folder; default our own")
    parser.add_argument("--start", choices=TEXTURES, help="an encoder that is there, to start another from")
    parser.add_argument("--batch", type=int, help=f"crops a step; default 16, {BATCH} with --base")
    parser.add_argument("--side", type=int, help=f"of a crop in pixels; default 64, {SIDE} with --base")
    parser.add_argument("--rate", type=float, help=f"peak learning rate; default 1e-3, {RATE:g} with --base")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=1, help="intra-op threads on a CPU")
    parser.add_argument("--loaders", type=int, default=0, help="processes that make batches, for a GPU")
    parser.add_argument(
        "--output", type=Path, help="folder of the weights; default the package's, encoders with --base"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where checkpoints go")
    args = parser.parse_args()
    batch, side, rate, output = (BATCH, SIDE, RATE, Path("encoders")) if args.base else (16, 64, 1e-3, WEIGHTS)
    settings = TrainSettings(
        minutes=args.minutes, steps=args.steps, batch=args.batch or batch, side=args.side or side,
        rate=args.rate or rate, seed=3, loaders=args.loaders, validate_every=1000,
    )  # fmt: skip
    order = DiffusionOrder(
        tuple(args.tiles), args.part, args.output or output, args.runs, settings, args.start, args.device,
        args.threads, None if args.base else CARD,
    )  # fmt: skip
    try:
        trainer = train_pretrained(order, args.base, tell) if args.base else train_diffusion(order, tell)
    except VdequantError as error:
        raise SystemExit(f"error: {error}") from None
    print(f"{args.part}: {trainer.steps} steps, {trainer.best}")


if __name__ == "__main__":
    main()
