"""PSNR table of a folder of pictures cut to m levels a channel (Kodak-24 in the README).

python scripts/evaluate_levels.py FOLDER [--levels 4 8 16 32] [--methods nothing "ffmpeg spp" cellnet-s cellnet-m]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from vdequant.evaluation.levels import markdown, read_pictures, score
from vdequant.schedule.device import choose_engine


def main() -> None:
    """Print the table; with --json also write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with full-colour pictures")
    parser.add_argument("--levels", type=int, nargs="+", default=[4, 8, 16, 32], help="levels per channel")
    parser.add_argument(
        "--methods", nargs="+", default=["nothing", "ffmpeg spp", "deband", "cellnet-s", "cellnet-m"], help="rows"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    args = parser.parse_args()
    pictures = read_pictures(args.folder)
    engine = choose_engine(args.device)
    rows = []
    for name in args.methods:
        rows.append(score(name, pictures, args.levels, engine))
        print(markdown(rows[:1] + rows[-1:] if len(rows) > 1 else rows, args.levels).splitlines()[-1], flush=True)
    print(f"\n{len(pictures)} pictures, {engine.describe()}\n\n{markdown(rows, args.levels)}")
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
