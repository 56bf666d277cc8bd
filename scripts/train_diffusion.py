"""Makes the diffusion model that ships: the base, then its encoders L, G and T.

    python scripts/train_diffusion.py base --tiles photos-1 photos-2 art games --steps 9000
    python scripts/train_diffusion.py L --tiles photos-1 photos-2 art games --steps 6000
    python scripts/train_diffusion.py T --start L --tiles photos-1 photos-2 art games --steps 2500
    python scripts/train_diffusion.py G --start L --tiles photos-1 photos-2 art games --steps 2500

Checkpoints go to --runs every two minutes; the same command continues after an interruption.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from vdequant.models.conditioning import TEXTURES
from vdequant.training.loop import Trainer, TrainSettings
from vdequant.training.recipe_diffusion import DiffusionOrder, train_diffusion

WEIGHTS = Path(__file__).parent.parent / "vdequant" / "weights"
CARD = """- **Licence of the weights**: CC BY-SA 4.0, because a part of the training pictures is under that licence.
- **Training pictures** (256x256 tiles, none of them in a test set): CLIC 2025 photos, gb82, elementary and pop-os
  wallpapers, imageio samples (CC0 / Unsplash / public domain); Cloudinary CID22 training part (CC BY-SA 4.0);
  illustrations by Mikanixonable (CC0), Pepper&Carrot by David Revoy (CC BY 4.0), Ren'Py demo art (MIT), Naev planets
  (mixed free licences); game screens composed from Kenney sprites (CC0), Unknown Horizons (CC BY-SA 3.0),
  The Secret Chronicles of Dr. M. (GPL-3) and Naev."""


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
    parser.add_argument("--start", choices=TEXTURES, help="an encoder that is there, to start another from")
    parser.add_argument("--batch", type=int, default=16, help="crops a step")
    parser.add_argument("--side", type=int, default=64, help="of a crop in pixels")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=1, help="intra-op threads on a CPU")
    parser.add_argument("--loaders", type=int, default=0, help="processes that make batches, for a GPU")
    parser.add_argument("--output", type=Path, default=WEIGHTS, help="folder of the weights")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where checkpoints go")
    args = parser.parse_args()
    settings = TrainSettings(
        minutes=args.minutes, steps=args.steps, batch=args.batch, side=args.side, rate=args.rate, seed=3,
        loaders=args.loaders, validate_every=1000,
    )  # fmt: skip
    order = DiffusionOrder(
        tuple(args.tiles), args.part, args.output, args.runs, settings, args.start, args.device, args.threads, CARD
    )  # fmt: skip
    trainer = train_diffusion(order, tell)
    print(f"{args.part}: {trainer.steps} steps, {trainer.best}")


if __name__ == "__main__":
    main()
