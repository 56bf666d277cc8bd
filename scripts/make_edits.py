"""Makes the README's samples of palette transfer and recoloring from samples/still_truth.png.

python scripts/make_edits.py [FOLDER]      (default samples/; prints the checksums for samples/README.md)
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from vdequant.palette_wishes import PaletteWish
from vdequant.recolor_wishes import RecolorWish
from vdequant.recoloring import recolor_picture
from vdequant.repaletting import transfer_palette
from vdequant.settings import Settings

SAMPLES = Path(__file__).parent.parent / "samples"
SOURCE = str(SAMPLES / "still_truth.png")
SETTINGS = Settings(overwrite=True, bits=8, device="cpu", workers=1)

TEAL = "#001219,#022b3a,#005f73,#0a9396,#94d2bd,#e9d8a6,#ee9b00,#ca6702,#bb3e03,#ae2012,#9b2226,#f8f4e3"
PALETTES = {
    "palette_evening.png": PaletteWish(origin=str(SAMPLES / "scene_truth.mkv")),
    "palette_teal.png": PaletteWish(origin=TEAL),
}
RECOLORED = {
    "recolor_balloon.png": RecolorWish(color="#1f9e89", rect="50,35,42,52", grabcut=True),
    "recolor_hill.png": RecolorWish(color="#8a5a44", rect="1,96,140,36", grabcut=True),
}


def main() -> None:
    """Make the four pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    folder.mkdir(exist_ok=True)
    for name, wish in PALETTES.items():
        transfer_palette(SOURCE, str(folder / name), wish, SETTINGS)
    for name, place in RECOLORED.items():
        recolor_picture(SOURCE, str(folder / name), place, SETTINGS)
    for name in (*PALETTES, *RECOLORED):
        data = (folder / name).read_bytes()
        print(f"{name}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
