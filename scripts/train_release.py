"""Makes shipped weights of cellnet and dequantizernet+ from folders of full-color tiles, with our data card.

python scripts/train_release.py --tiles photos-1 photos-2 art games --network s --minutes 85

Checkpoints go to runs/cellnet-s/ every two minutes; the same command continues after an interruption. At the end the
average that did best on held-back tiles is written to vdequant/weights/ with a model card beside it. To train shipped
cellnets further: --subject levels --init vdequant/weights/cellnet-m-levels.safetensors --before "..." --runs runs/more
"""

from __future__ import annotations

import argparse
from pathlib import Path

from release_data import CARD

from vdequant.training.loop import TrainSettings
from vdequant.training.recipe_cellnet import SIZES, SUBJECTS, CellnetTrainer, Order, train
from vdequant.training.recipe_jpegnet import JpegOrder, JpegTrainer, train_jpegnet

WEIGHTS = Path(__file__).parent.parent / "vdequant" / "weights"


def tell(trainer: CellnetTrainer | JpegTrainer, loss: float) -> None:
    """A line every 200 steps."""
    print(f"step {trainer.steps}, {trainer.seconds:.0f} s, loss {loss:.4f}, best {trainer.best}", flush=True)


def release_jpegnet(args: argparse.Namespace, settings: TrainSettings) -> None:
    """Train, resume or finish dequantizernet+."""
    output = WEIGHTS / "dequantizernet-plus.safetensors"
    order = JpegOrder(
        tuple(args.tiles), output, args.runs, settings, args.device, args.threads, CARD, init=args.init,
        before=args.before,
    )  # fmt: skip
    trainer = train_jpegnet(order, tell)
    print(f"{output}: {trainer.steps} steps, {trainer.best}")


def main() -> None:
    """Train, resume, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=Path, nargs="+", required=True, help="folders of pictures")
    parser.add_argument(
        "--network", choices=(*SIZES, "jpeg"), default="s", help="cellnet s, m, l; or jpeg: dequantizernet+"
    )
    parser.add_argument("--minutes", type=float, default=85.0, help="length of the schedule")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=1, help="intra-op threads on a CPU")
    parser.add_argument("--rate", type=float, default=2.5e-3, help="peak learning rate")
    parser.add_argument("--batch", type=int, default=16, help="crops a step")
    parser.add_argument("--side", type=int, default=64, help="of a crop in pixels")
    parser.add_argument("--loaders", type=int, default=0, help="processes that make batches, for a GPU")
    parser.add_argument("--init", type=Path, help="safetensors weights to start from instead of random ones")
    parser.add_argument("--before", default="", help="for the card: how the weights of --init were trained")
    parser.add_argument("--subject", choices=SUBJECTS, default="all", help="what cellnet learns: all, or a part")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where checkpoints go")
    args = parser.parse_args()
    settings = TrainSettings(
        minutes=args.minutes, seed=3, rate=args.rate, batch=args.batch, side=args.side, loaders=args.loaders
    )
    if args.network == "jpeg":
        release_jpegnet(args, settings)
        return
    half = "" if args.subject == "all" else f"-{args.subject}"
    output = WEIGHTS / f"cellnet-{args.network}{half}.safetensors"
    order = Order(
        tuple(args.tiles), args.network, output, args.runs, settings, args.device, args.threads, args.init, CARD,
        args.before, args.subject,
    )  # fmt: skip
    trainer = train(order, tell)
    print(f"{output}: {trainer.steps} steps, {trainer.best}")


if __name__ == "__main__":
    main()
