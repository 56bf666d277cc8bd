"""Palettes that emulators of machines with fixed colors write: evidence for the probe when a clip's colors are theirs.

A machine without exact RGB colors has several palettes in use; what a clip holds decides between them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vdequant.quantizers import console_palettes

# The 2C02's 54 visible colors in two decodings that libretro's NES cores offer (FCEUmm, Nestopia): FirebrandX's
# "YUV-V3", and the look of Sony's CXA2025AS video decoder chip.
NES_YUV_V3 = """
666666 002A88 1412A7 3B00A4 5C007E 6E0040 6C0700 561D00 333500 0C4800 005200 004C18 003E5B 000000
ADADAD 155FD9 4240FF 7527FE A01ACC B71E7B B53120 994E00 6B6D00 388700 0D9300 008C47 007AA0
FFFFFF 64B0FF 9290FF C676FF F26AFF FF6ECC FF8170 EA9E22 BCBE00 88D800 5CE430 45E082 48CDDE 4F4F4F
C0DFFF D3D2FF E8C8FF FAC2FF FFC4EA FFCCC5 F7D8A5 E4E594 CFEF96 BDF4AB B3F3CC B5EBF2 B8B8B8
"""
NES_CXA2025AS = """
585858 00238C 00139B 2D0585 5D0052 7A0017 7A0800 5F1800 352A00 093900 003F00 003C22 00325D 000000
A1A1A1 0053EE 153CFE 6028E4 A91D98 D41E41 D22C00 AA4400 6C5E00 2D7300 007D06 007852 0069A9
FFFFFF 1FA5FE 5E89FE B572FE FE65F6 FE6790 FE773C FE9308 C4B200 79CA10 3AD54A 11D1A4 06BFFE 424242
A0D9FE BDCCFE E1C2FE FEBCFB FEBDD0 FEC5A9 FED18E E9DE86 C7E992 A8EEB0 95ECD9 91E4FE ACACAC
"""

# name -> hexadecimal colors
TABLES: dict[str, str] = {
    "NES": console_palettes.NES,
    "NES YUV-V3": NES_YUV_V3,
    "NES CXA2025AS": NES_CXA2025AS,
    "CGA": console_palettes.CGA,
    "C64": console_palettes.C64,
    "C64 Colodore": console_palettes.C64_COLODORE,
    "ZX Spectrum": console_palettes.ZX_SPECTRUM,
    "MSX": console_palettes.MSX,
}


@lru_cache(maxsize=1)
def known_palettes() -> dict[str, NDArray[np.int64]]:
    """``(K, 3)`` distinct 8-bit codes by name."""
    result = {}
    for name, text in TABLES.items():
        rows = [[int(word[i : i + 2], 16) for i in (0, 2, 4)] for word in text.split()]
        result[name] = np.unique(np.array(rows, np.int64), axis=0)
    return result


def palette_name(colors: NDArray[np.int64]) -> str:
    """The palette that holds all of three or more distinct ``(K, 3)`` 8-bit colors, or ""."""
    if len(colors) < 3:
        return ""
    packed = set((colors @ np.array([1 << 16, 1 << 8, 1])).tolist())
    gray = bool((np.ptp(colors, axis=1) == 0).all())
    for name, table in known_palettes().items():
        if not gray and packed <= set((table @ np.array([1 << 16, 1 << 8, 1])).tolist()):
            return name
    return ""
