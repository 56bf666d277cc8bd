"""The peers: classical filters and others' networks that a user would pick instead, each tuned per degradation.

The settings of ``TUNED`` are the best in PSNR of the grids of ``scripts/tune_peers.py``, on eight of the 24 Kodak
pictures (01, 04, 07, 10, 13, 16, 20, 23), so the peers are shown at their best there. Only spp at 16 and 64 colors
keeps the choice of an older, coarser grid, that of the published numbers. Those are 37.164, 31.139, 27.593 and 32.440
dB for 16 and 8 levels and 16 and 64 colors; the printed command, ``format=yuv444p,spp=6:4``, gives 37.139, 31.133,
27.590 and 32.432, with ffmpeg 5.1.9 and 9.0.2, PNG files and pipes alike. Filters that are best when off, as
deband and libplacebo on such coarse steps, have their weakest setting. To add a peer, write a function
``(stored, setting) -> pictures`` in ``filters.py`` and add a line to ``PEERS`` and one to ``TUNED``.

A path that ends in .pth or .safetensors is a peer too: a network of one of the architectures of spandrel (the extra
"community"), which must keep the size of its pictures.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from vdequant.errors import UsageError
from vdequant.evaluation.degradations import Pictures, Stored, to_tensor
from vdequant.evaluation.filters import Setting
from vdequant.evaluation.methods import Method, Work

# name -> "module:function", imported on use
PEERS: dict[str, str] = {
    "spp": "vdequant.evaluation.filters:spp",
    "bilateral": "vdequant.evaluation.filters:bilateral",
    "gauss": "vdequant.evaluation.filters:gauss",
    "nlm": "vdequant.evaluation.filters:nlm",
    "tv": "vdequant.evaluation.filters:tv",
    "gradfun": "vdequant.evaluation.filters:gradfun",
    "deband": "vdequant.evaluation.filters:deband",
    "libplacebo": "vdequant.evaluation.filters:libplacebo",
    "libjpeg": "vdequant.evaluation.filters:libjpeg",
    "jpegqs": "vdequant.evaluation.filters:jpegqs",
}
LABELS = {
    "spp": "ffmpeg spp",
    "bilateral": "OpenCV bilateral",
    "gauss": "Gaussian blur",
    "nlm": "OpenCV NLM",
    "tv": "TV (Chambolle)",
    "gradfun": "ffmpeg gradfun",
    "deband": "ffmpeg deband",
}
NETWORKS = (".pth", ".safetensors")

# family -> strength of the loss (levels, colors, quality) -> setting; between the tuned ones the nearest in octaves.
Tuning = dict[str, dict[int, Setting]]
TUNED: dict[str, Tuning] = {
    "spp": {
        "levels": {4: (16,), 8: (8,), 16: (4,), 32: (2,)},
        "colors": {8: (8,), 16: (6,), 32: (4,), 64: (4,), 128: (2,)},
        "dithered": {8: (16,), 16: (11,), 32: (8,), 64: (8,), 128: (5,)},
        "shaded": {2: (63,), 4: (25,), 8: (11,), 16: (5,), 32: (2,)},
        "jpeg": {1: (50,), 10: (16,), 20: (11,), 30: (8,), 40: (6,)},  # others than 10 on four of the pictures
    },
    "bilateral": {
        "levels": {4: (90, 3), 8: (40, 3), 16: (25, 1), 32: (10, 1)},
        "colors": {8: (60, 1), 16: (25, 1), 32: (25, 1), 64: (15, 1), 128: (15, 1)},
        "dithered": {8: (130, 1), 16: (90, 1), 32: (90, 1), 64: (90, 1), 128: (40, 1)},
        "shaded": {2: (400, 1), 4: (200, 1), 8: (60, 1), 16: (25, 1), 32: (15, 1)},
        "jpeg": {10: (60, 3)},
    },
    "tv": {
        "levels": {4: (0.05,), 8: (0.02,), 16: (0.01,), 32: (0.002,)},
        "colors": {8: (0.01,), 16: (0.005,), 32: (0.005,), 64: (0.002,), 128: (0.002,)},
        "dithered": {8: (0.03,), 16: (0.02,), 32: (0.02,), 64: (0.01,), 128: (0.01,)},
        "shaded": {2: (0.12,), 4: (0.05,), 8: (0.03,), 16: (0.01,), 32: (0.005,)},
        "jpeg": {10: (0.03,)},
    },
    "gradfun": {
        "levels": {4: (64, 8), 8: (32, 8), 16: (8, 8), 32: (4, 8)},
        "colors": {8: (8, 8), 16: (4, 8), 32: (4, 8), 64: (0.51, 8), 128: (0.51, 8)},
        "dithered": {8: (32, 8), 16: (16, 8), 32: (16, 8), 64: (8, 8), 128: (4, 8)},
        "shaded": {2: (64, 8), 4: (64, 8), 8: (32, 8), 16: (16, 8), 32: (4, 8)},
        "jpeg": {10: (16, 8)},
    },
    "deband": {
        "levels": {4: (0.08, 16), 8: (0.003, 16), 16: (0.003, 16), 32: (0.003, 16)},
        "colors": {8: (0.003, 16), 16: (0.003, 16), 32: (0.003, 16), 64: (0.003, 16), 128: (0.003, 16)},
        "dithered": {8: (0.003, 16), 16: (0.003, 16), 32: (0.003, 16), 64: (0.003, 16), 128: (0.003, 16)},
        "shaded": {2: (0.003, 16), 4: (0.08, 16), 8: (0.04, 16), 16: (0.003, 16), 32: (0.003, 16)},
        "jpeg": {10: (0.01, 16)},
    },
    "gauss": {
        "levels": {4: (0.6,), 8: (0.5,), 16: (0.4,), 32: (0.3,)},
        "colors": {8: (0.4,), 16: (0.4,), 32: (0.4,), 64: (0.3,)},
        "dithered": {8: (0.6,), 16: (0.5,), 32: (0.5,), 64: (0.5,), 128: (0.4,)},
        "shaded": {2: (0.85,), 4: (0.7,), 8: (0.6,), 16: (0.5,), 32: (0.4,)},
        "jpeg": {10: (0.5,)},
    },
    "nlm": {
        "levels": {8: (8,), 16: (3,)},
        "colors": {16: (3,), 64: (2,)},
        "dithered": {16: (8,)},
        "shaded": {4: (8,), 8: (8,), 16: (3,), 32: (2,)},
        "jpeg": {10: (8,)},
    },
    "libplacebo": {family: {16: (1, 1)} for family in ("levels", "colors", "dithered", "shaded", "jpeg")},
    "jpegqs": {"jpeg": {10: (6,)}},
}


def family_of(degradation: str) -> tuple[str, float]:
    """Which row of a :data:`Tuning` a degradation belongs to, and how strong it is.

    Bits count as so many levels; what is neither levels, colors of its own nor JPEG counts as 64 colors. Dither between
    levels of each channel, of gray, or between a machine's colors, which lie as far apart as two levels do, is a family
    of its own; any dither counts as Floyd-Steinberg's.
    """
    inner, plus, _ = degradation.partition("+")
    if plus and (count := _levels_of(inner)):
        return "shaded", count
    if plus and re.fullmatch(r"palette:[a-z][\w-]*", inner):
        return "shaded", 2.0
    if count := _levels_of(degradation):
        return "levels", count
    if match := re.fullmatch(r"palette:(\d+)(\+fs)?", degradation):
        return ("dithered" if match[2] else "colors"), float(match[1])
    if match := re.fullmatch(r"jpeg:(\d+)", degradation):
        return "jpeg", float(match[1])
    return "colors", 64.0


def _levels_of(quantizer: str) -> float:
    """Levels a channel, on average, of levels, bits and grays; else 0."""
    if match := re.fullmatch(r"(?:gray:)?m=(\d+)", quantizer):
        return float(match[1])
    if quantizer.startswith("gray:"):
        return 2.0
    if match := re.match(r"\d+(-\d+)*", quantizer):
        depths = [int(bits) for bits in match[0].split("-")]
        return float(2 ** (sum(depths) / len(depths)))
    return 0.0


def setting_of(name: str, degradation: str) -> Setting:
    """The tuned setting of a peer for a degradation."""
    family, strength = family_of(degradation)
    rows = TUNED.get(name, {}).get(family, {})
    if not rows:
        return ()
    return rows[min(rows, key=lambda known: abs(math.log2(known / strength)))]


class Peer:
    """A filter of the table with its tuned settings; see :class:`~vdequant.evaluation.methods.Method`."""

    def __init__(self, name: str) -> None:
        self.peer = name
        self.name = LABELS.get(name, name)

    def key(self, degradation: str) -> str:
        """See the contract."""
        return f"{self.peer} {setting_of(self.peer, degradation)}"

    def prepare(self, degradation: str) -> Work:
        """See the contract."""
        module, _, function = PEERS[self.peer].partition(":")
        run: Callable[[Stored, Setting], Pictures] = getattr(import_module(module), function)
        setting = setting_of(self.peer, degradation)
        return lambda stored: to_tensor(run(stored, setting))


@lru_cache(maxsize=1)
def _network(path: str, device: str) -> Method:
    from vdequant.evaluation.community import CommunityNetwork

    return CommunityNetwork(Path(path), device)


def make_peer(name: str, device: str = "cpu") -> Method:
    """The peer of that name, or the network in that file.

    Raises:
        UsageError: there is no such peer.
        ModelError: the file is no network that can be run.
    """
    if name in PEERS:
        return Peer(name)
    if Path(name).suffix in NETWORKS:
        return _network(name, device)
    raise UsageError(f"expected --peers as one of {', '.join(PEERS)}, or a file *.pth, *.safetensors; got {name!r}")
