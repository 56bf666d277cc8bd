"""Makes the shipped cellnet weights from folders of full-colour 256x256 tiles.

python scripts/train_release.py --tiles photos-1 photos-2 art games --network s --minutes 85

Checkpoints go to runs/cellnet-s/ every two minutes; the same command continues after an interruption. At the end the
moving average of the weights is written to vdequant/weights/ with a model card beside it. To train shipped weights
further: --init vdequant/weights/cellnet-m.safetensors --rate 8e-4 --runs runs/further
"""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path

import torch

from vdequant.models.cellnet import MEDIUM, SMALL
from vdequant.models.weights import read_cellnet
from vdequant.training.data import Bank, build_bank
from vdequant.training.export import count_parameters, export_cellnet, model_card
from vdequant.training.loop import Trainer, TrainSettings

SPECS = {"s": SMALL, "m": MEDIUM}
WEIGHTS = Path(__file__).parent.parent / "vdequant" / "weights"


def bank_of(folders: list[Path], cache: Path) -> Bank:
    """The bank from its cache, or made and cached."""
    if cache.exists():
        with cache.open("rb") as file:
            cached: Bank = pickle.load(file)
        return cached
    bank = build_bank(folders, seed=1, palettes_per_tile=1, lossy_share=0.3)
    with cache.open("wb") as file:
        pickle.dump(bank, file, protocol=5)
    return bank


def main() -> None:
    """Train, resume, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=Path, nargs="+", required=True, help="folders of 256x256 WebP tiles")
    parser.add_argument("--network", choices=sorted(SPECS), default="s", help="s or m")
    parser.add_argument("--minutes", type=float, default=85.0, help="length of the schedule")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=1, help="intra-op threads on a CPU")
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--init", type=Path, help="safetensors weights to start from instead of random ones")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where checkpoints go")
    parser.add_argument("--export-only", action="store_true", help="write the weights of the last checkpoint")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.runs.mkdir(exist_ok=True)
    settings = TrainSettings(minutes=args.minutes, seed=3, rate=args.rate)
    name = f"cellnet-{args.network}"
    trainer = Trainer(SPECS[args.network], settings, args.runs / name, torch.device(args.device))
    if args.init is not None and trainer.steps == 0:
        trainer.start_from(read_cellnet(args.init))
    if not args.export_only:
        bank = bank_of(args.tiles, args.runs / "bank.pkl")
        print(f"{len(bank.tiles)} tiles, {len(bank.held)} of them held back; continuing at step {trainer.steps}")
        trainer.run(bank)
    path = WEIGHTS / f"{name}.safetensors"
    export_cellnet(trainer.average, path)
    path.with_suffix(".md").write_text(model_card(name, trainer))
    print(f"{path}: {count_parameters(trainer.average):,} parameters after {trainer.steps} steps")


if __name__ == "__main__":
    main()
