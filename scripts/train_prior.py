"""Makes a prior for the restorer `map`: a VAE, a progressive GAN, or a critic for a generator that is there.

The one that ships, on free tiles (see the model card for what they are):

    python scripts/train_prior.py vae --tiles photos-1 photos-2 art games --size local --release --steps 8000

One for faces, to compare with the paper. CelebA's licence allows research only, so its weights are never shipped:

    tar -xf research-faces64.tar && python scripts/train_prior.py vae --tiles faces64/train -o faces-prior.safetensors
    python scripts/train_prior.py critic --tiles faces64/train -o faces-prior.safetensors --steps 1000

Checkpoints go to --runs every minute; the same command goes on after an interruption.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vdequant.training.loop import TrainSettings
from vdequant.training.recipe_prior import KINDS, SIZES, PriorOrder, train_prior

RELEASED = Path(__file__).parent.parent / "vdequant" / "weights" / "map-prior.safetensors"
RATES = {"vae": 2e-3, "gan": 1e-3, "critic": 5e-4}
CARD = """- **Licence of the weights**: CC BY-SA 4.0, because a part of the training pictures is under that licence.
- **Training pictures** (64x64 cutouts of 256x256 tiles, reduced 1, 2 or 4 times, none of them in a test set): CLIC 2025
  photos, gb82, elementary and pop-os wallpapers, imageio samples (CC0 / Unsplash / public domain); Cloudinary CID22
  training part (CC BY-SA 4.0); illustrations by Mikanixonable (CC0), Pepper&Carrot by David Revoy (CC BY 4.0), Ren'Py
  demo art (MIT), Naev planets (mixed free licences); game screens composed from Kenney sprites (CC0), Unknown Horizons
  (CC BY-SA 3.0), The Secret Chronicles of Dr. M. (GPL-3) and Naev."""


def tell(steps: int, seconds: float, loss: float, best: dict[str, float]) -> None:
    """A line now and then."""
    scores = ", ".join(f"{name} {value:.3f}" for name, value in best.items())
    print(f"step {steps}, {seconds:.0f} s, loss {loss:.4f} {scores}", flush=True)


def main() -> None:
    """Train, resume, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS, help="how to train")
    parser.add_argument("--tiles", type=Path, nargs="+", required=True, help="folders of pictures")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("-o", "--output", type=Path, help="safetensors file")
    where.add_argument("--release", action="store_true", help="write the packaged weights, with our data card")
    parser.add_argument(
        "--size",
        choices=sorted(SIZES),
        default="small",
        help="local: for pictures of anything; small; that of the paper",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, default=5000, help="length of the schedule")
    length.add_argument("--minutes", type=float, default=0.0, help="length of the schedule in time instead")
    parser.add_argument("--batch", type=int, default=32, help="pictures a step")
    parser.add_argument("--rate", type=float, help="peak learning rate; default by kind")
    parser.add_argument("--seed", type=int, default=1, help="of weights and batches")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=1, help="intra-op threads on a CPU")
    parser.add_argument("--runs", type=Path, help="folder of this run's checkpoints; default runs/NAME-KIND")
    args = parser.parse_args()
    output = RELEASED if args.release else args.output
    settings = TrainSettings(
        minutes=args.minutes, steps=0 if args.minutes else args.steps, batch=args.batch,
        rate=args.rate or RATES[args.kind], seed=args.seed, decay=0.995,
        save_every=60.0, validate_every=500, log_every=100,
    )  # fmt: skip
    runs = args.runs or Path("runs") / f"{output.stem}-{args.kind}"
    card = CARD if args.release else None
    order = PriorOrder(
        tuple(args.tiles), args.kind, args.size, output, runs, settings, args.device, args.threads, card
    )  # fmt: skip
    report = train_prior(order, tell)
    print(f"{output}: {report.steps} steps, {report.seconds:.0f} s, {report.scores}")


if __name__ == "__main__":
    main()
