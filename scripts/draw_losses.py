"""Draws the loss curves of pix2pix trainings side by side: Figure 7 of the Pix2Pix-FQ paper.

python scripts/draw_losses.py runs/pix2pix/log.csv runs/pix2pix-fq/log.csv -o losses.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vdequant.training.curves_pix2pix import draw_losses


def main() -> None:
    """Read the logs, write one picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path, nargs="+", help="log.csv of each run")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the picture")
    parser.add_argument("--l1-weight", type=float, default=100.0, help="that the runs were trained with (100)")
    args = parser.parse_args()
    draw_losses(args.logs, args.output, args.l1_weight)
    print(args.output)


if __name__ == "__main__":
    main()
