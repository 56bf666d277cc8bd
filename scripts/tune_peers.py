"""Finds the best settings of the peers by PSNR on eight Kodak pictures, for vdequant/evaluation/peers.py.

python scripts/tune_peers.py KODAK_FOLDER [--peers spp bilateral] [--quantizer m=16 palette:16]
"""

from __future__ import annotations

import argparse
from importlib import import_module
from itertools import product
from pathlib import Path

import torch

from vdequant.evaluation.datasets import find_items
from vdequant.evaluation.degradations import Pictures, Stored, parse_degradation, to_tensor
from vdequant.evaluation.peers import PEERS, family_of
from vdequant.metrics.fidelity import psnr

CHOSEN = ("01", "04", "07", "10", "13", "16", "20", "23")
LOSSES = [
    *(f"m={m}" for m in (4, 8, 16, 32)),
    *(f"palette:{colors}{dither}" for dither in ("", "+fs") for colors in (8, 16, 32, 64, 128)),
    *(f"m={m}+fs" for m in (2, 4, 8, 16, 32)),
    "jpeg:10",
]
GRIDS: dict[str, list[tuple[float, ...]]] = {
    "spp": [(q,) for q in (1, 2, 3, 4, 5, 6, 8, 11, 13, 16, 20, 25, 40, 63)],
    "bilateral": list(product((5.0, 10.0, 15.0, 25.0, 40.0, 60.0, 90.0, 130.0, 200.0, 400.0), (1.0, 2.0, 3.0))),
    "gauss": [(sigma,) for sigma in (0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5)],
    "nlm": [(h,) for h in (1.0, 2.0, 3.0, 5.0, 8.0)],
    "tv": [(w,) for w in (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2)],
    "gradfun": [(strength, 8.0) for strength in (0.51, 1.2, 4.0, 8.0, 16.0, 32.0, 64.0)],
    "deband": [(threshold, 16.0) for threshold in (0.003, 0.01, 0.02, 0.04, 0.08)],
    "libplacebo": [(1.0, 1.0), (1.0, 4.0), (2.0, 8.0), (4.0, 16.0), (4.0, 40.0)],
    "jpegqs": [(3.0,), (6.0,)],
}


def best_setting(name: str, loss: str, truths: list[Pictures], stored: list[Stored]) -> tuple[float, tuple[float, ...]]:
    """The largest mean gain in dB over doing nothing, and the setting that gives it."""
    module, _, function = PEERS[name].partition(":")
    run = getattr(import_module(module), function)
    references = [to_tensor(truth) for truth in truths]
    base = [psnr(given.tensor(), reference) for given, reference in zip(stored, references, strict=True)]
    gains = []
    for setting in GRIDS[name]:
        found = [psnr(to_tensor(run(given, setting)), r) for given, r in zip(stored, references, strict=True)]
        gains.append(float(torch.cat(found).mean() - torch.cat(base).mean()))
    best = max(range(len(gains)), key=gains.__getitem__)
    return gains[best], GRIDS[name][best]


def main() -> None:
    """Print one line a peer and loss: family, strength, setting, gain."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the Kodak pictures")
    parser.add_argument("--peers", nargs="+", choices=sorted(GRIDS), default=list(GRIDS), help="which")
    parser.add_argument("--quantizer", nargs="+", default=LOSSES, help="which losses")
    args = parser.parse_args()
    items = [item for item in find_items([args.folder]) if item.path.stem.removeprefix("kodim") in CHOSEN]
    truths = [item.read() for item in items]
    for loss in args.quantizer:
        stored = [parse_degradation(loss).apply(truth) for truth in truths]
        for name in args.peers:
            if name == "jpegqs" and not loss.startswith("jpeg"):
                continue
            gain, setting = best_setting(name, loss, truths, stored)
            family, strength = family_of(loss)
            print(f"{name} {family} {strength:g}: {setting}  # {gain:+.2f} dB", flush=True)


if __name__ == "__main__":
    main()
