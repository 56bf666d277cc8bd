"""Makes samples/before_after.png, the README's picture: parts of three samples before (left) and after (right).

python scripts/make_before_after.py      (prints the checksum for samples/README.md)
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import cv2
import numpy as np

from vdequant.pipeline import restore
from vdequant.settings import Settings

SAMPLES = Path(__file__).parent.parent / "samples"
# sample, what the user knows of it, top and left of a 160x120 part
PARTS = [("still_16.png", "auto", 20, 40), ("still_m8.png", "m=8", 20, 40), ("still_bw.png", "auto", 20, 40)]
HEIGHT, WIDTH, ZOOM = 120, 160, 2


def part(path: Path, top: int, left: int) -> np.ndarray:
    """The part as ``(240, 320, 3)`` uint8, pixels doubled so that they can be seen."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise SystemExit(f"cannot read {path}")
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    if picture.dtype == np.uint16:
        picture = np.round(picture / 257).astype(np.uint8)
    return picture[top : top + HEIGHT, left : left + WIDTH, :3].repeat(ZOOM, 0).repeat(ZOOM, 1)


def main() -> None:
    """Restore, join, save."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, quantizer, top, left in PARTS:
            output = Path(folder) / name
            restore(str(SAMPLES / name), str(output), Settings(quantizer=quantizer, restorer="cellnet-m"))
            rows.append(np.concatenate([part(SAMPLES / name, top, left), part(output, top, left)], axis=1))
    target = SAMPLES / "before_after.png"
    cv2.imwrite(str(target), np.concatenate(rows, axis=0), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(target, target.stat().st_size, hashlib.sha256(target.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
