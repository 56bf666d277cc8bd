"""The words of ``--quantizer``: from text to a request, and from a request and the pictures to a quantizer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, cast, get_args

from torch import Tensor

from vdequant.errors import UsageError
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.census import count_colors
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.palette_files import PARSERS, load_palette
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.uniform import Expansion, UniformQuantizer

FORMS = (
    "auto, none, m=LEVELS (m=4), BITS or R-G-B bits (5, 5-6-5) with /replicate, /shift, /floor or /center, "
    "palette, palette:COLORS (palette:16), palette:FILE (" + ", ".join(PARSERS) + "), lossy:CODES (lossy:4)"
)
MOST_COLORS = 4096  # of a palette: what PaletteQuantizer takes
LARGEST_TOLERANCE = 64.0  # 8-bit codes; beyond that nothing of the source would be kept

Kind = Literal["auto", "none", "levels", "bits", "palette", "file", "lossy"]


@dataclass(frozen=True, slots=True)
class Request:
    """What the user said about the loss, before any picture was seen.

    Attributes:
        text: as written.
        kind: "auto" asks for :func:`~vdequant.quantizers.estimate.estimate`; "palette" for the clip's own colors.
        levels: of kind "levels".
        bits, expansion: of kind "bits".
        colors: of kind "palette", the most that are taken.
        path: of kind "file".
        tolerance: of kind "lossy", in [0, 1] units.
    """

    text: str
    kind: Kind
    levels: int = 0
    bits: tuple[int, int, int] = (8, 8, 8)
    expansion: Expansion = "replicate"
    colors: int = 256
    path: str = ""
    tolerance: float = 0.0

    @property
    def needs_pictures(self) -> bool:
        """Whether :func:`resolve` has to look at pictures of the source."""
        return self.kind in ("auto", "palette")


def _refused(text: str, why: str) -> UsageError:
    return UsageError(f"expected --quantizer as one of: {FORMS}; got {text!r} ({why})")


def _parse_levels(text: str, rest: str) -> Request:
    if not rest.isdecimal() or not 2 <= int(rest) <= 256:
        raise _refused(text, "m is 2 to 256 levels a channel")
    return Request(text, "levels", levels=int(rest))


def _parse_bits(text: str) -> Request:
    depths, _, expansion = text.partition("/")
    expansion = expansion or "replicate"
    numbers = [int(depth) for depth in depths.split("-")]
    numbers = numbers * 3 if len(numbers) == 1 else numbers
    if len(numbers) != 3 or any(not 1 <= number <= 8 for number in numbers):
        raise _refused(text, "bits are one or three numbers from 1 to 8")
    if expansion not in get_args(Expansion):
        raise _refused(text, f"the expansion is one of {', '.join(get_args(Expansion))}")
    red, green, blue = numbers
    return Request(text, "bits", bits=(red, green, blue), expansion=cast(Expansion, expansion))


def _parse_palette(text: str, rest: str) -> Request:
    if not rest.isdecimal():
        if PurePath(rest).suffix.lower() not in PARSERS:
            raise _refused(text, f"a palette is a number of colors or a file ending in {', '.join(PARSERS)}")
        return Request(text, "file", path=rest)
    if not 1 <= int(rest) <= MOST_COLORS:
        raise _refused(text, f"a palette has 1 to {MOST_COLORS} colors")
    return Request(text, "palette", colors=int(rest))


def _parse_lossy(text: str, rest: str) -> Request:
    if not re.fullmatch(r"\d+(\.\d+)?", rest) or not 0 < float(rest) <= LARGEST_TOLERANCE:
        raise _refused(text, f"the tolerance is above 0 and at most {LARGEST_TOLERANCE:.0f} of 255")
    return Request(text, "lossy", tolerance=float(rest) / 255)


def parse_quantizer(text: str) -> Request:
    """Read the value of ``--quantizer``; see :data:`FORMS`. No file is opened.

    Raises:
        UsageError: for anything else, with the allowed forms.
    """
    if text in ("auto", "none"):
        return Request(text, cast(Kind, text))
    if text == "palette":
        return Request(text, "palette")
    if text.startswith("m="):
        return _parse_levels(text, text[2:])
    if text.startswith("palette:"):
        return _parse_palette(text, text.removeprefix("palette:"))
    if text.startswith("lossy:"):
        return _parse_lossy(text, text.removeprefix("lossy:"))
    if re.fullmatch(r"\d+(-\d+)*(/.+)?", text, re.ASCII):
        return _parse_bits(text)
    raise _refused(text, "not one of these forms")


def resolve(request: Request, pictures: Sequence[Tensor]) -> Quantizer:
    """The quantizer that a request means.

    Args:
        pictures: ``(3, H, W)`` in [0, 1], sampled over the source; used when ``request.needs_pictures``.

    Raises:
        InputError: when a palette file cannot be read.
        UsageError: when it holds too many colors.
        ValueError: for kind "auto", which is the business of ``estimate``.
    """
    if request.kind == "levels":
        return UniformQuantizer.of_levels(request.levels)
    if request.kind == "bits":
        return UniformQuantizer.of_bits(request.bits, request.expansion)
    if request.kind == "lossy":
        return ToleranceQuantizer(request.tolerance)
    if request.kind == "file":
        return PaletteQuantizer(load_palette(request.path))
    if request.kind == "palette":
        return PaletteQuantizer(count_colors(pictures).most_frequent(request.colors))
    if request.kind == "none":
        return UniformQuantizer.of_bits((8, 8, 8))
    raise ValueError("expected a request other than 'auto'; call estimate(pictures, ...) for that one")
