"""The words of ``--quantizer`` and ``--to``: from text to a request, and from a request and pictures to a quantizer.

The same words have two readings. *What was lost* (:func:`resolve`): the pictures are stored ones, ``palette:16`` means
their own 16 most frequent colors. *What shall be lost* (:func:`resolve_target`): the pictures are fine ones,
``palette:16`` means 16 colors made for them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal, cast, get_args

import torch
from torch import Tensor

from vdequant.checks import check_choice
from vdequant.errors import UsageError
from vdequant.quantizers import DITHER_KINDS
from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.census import count_colors
from vdequant.quantizers.consoles import CONSOLES, ConsoleQuantizer
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.own_palettes import OwnPalettes
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.palette_files import PARSERS, load_palette
from vdequant.quantizers.palettes_from import METHODS, palette_from
from vdequant.quantizers.threshold import GrayQuantizer, ThresholdQuantizer, otsu_thresholds
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.uniform import MOST_CUT, Expansion, UniformQuantizer, bits_after_cut
from vdequant.quantizers.video import VideoQuantizer

if TYPE_CHECKING:
    from vdequant.quantizers.chroma import ChromaSiting
    from vdequant.quantizers.chroma import Kind as ChromaKind
    from vdequant.quantizers.jpeg_codec import Subsampling

FORMS = (
    "m=LEVELS (m=4), BITS or R-G-B bits (5, 5-6-5) with /replicate, /shift, /floor or /center, "
    "cut:PERCENT of the 24 bits (cut:30: 6-6-5/floor, with another expansion behind it), "
    f"palette:COLORS (palette:16, with /{', /'.join(METHODS)}), palette:FILE ({', '.join(PARSERS)}), "
    "palette:CONSOLE (palette:nes), gray:THRESHOLD (gray:0.5, gray:otsu), gray:m=LEVELS, jpeg:QUALITY (jpeg:10, with "
    "/444, /422, /420), chroma:420 or chroma:422 (with /left, /center, /topleft), "
    f"a console ({', '.join(CONSOLES)}), each also with a dither (m=4+fs: {', '.join(DITHER_KINDS)})"
)
LOST_FORMS = (
    "auto, none, palette (the clip's own), palettes (each frame's own), lossy:CODES (lossy:4; lossy:4/420 where color "
    f"is at half the size), {FORMS}"
)
TARGET_FORMS = f"none, random or random:SEED (12 to 22 of 24 bits), {FORMS}"
MOST_COLORS = 4096  # of a palette: what PaletteQuantizer takes
LARGEST_TOLERANCE = 64.0  # 8-bit codes; beyond that nothing of the source would be kept
CHROMAS = ("444", "422", "420")
SITINGS = ("left", "center", "topleft")

Kind = Literal[
    "auto", "none", "levels", "bits", "palette", "palettes", "file", "free", "console", "threshold", "otsu", "grays",
    "jpeg", "chroma", "random", "lossy",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """What the user said about the loss, before any picture was seen.

    Attributes:
        text: as written.
        kind: "auto" asks for :func:`~vdequant.quantizers.estimate.estimate`; "palette" for colors of the pictures,
            "palettes" for those of each by itself;
            "free" for a console's colors without its limits.
        levels: of kinds "levels" and "grays".
        bits, expansion: of kind "bits".
        colors, method: of kind "palette": the most that are taken, and how they are made (only for a target).
        name: of a file or console.
        number: of kind "lossy" the tolerance in [0, 1] units, of "threshold" the gray.
        quality, chroma, siting: of kinds "jpeg" and "chroma"; of kind "lossy" chroma is "" where it is not halved.
        seed: of kind "random", None when it was not said.
        dither: a kind of DITHER_KINDS, or "".
    """

    text: str
    kind: Kind
    levels: int = 0
    bits: tuple[int, int, int] = (8, 8, 8)
    expansion: Expansion = "replicate"
    colors: int = 256
    method: str = "mediancut"
    name: str = ""
    number: float = 0.0
    quality: int = 0
    chroma: str = "420"
    siting: str = "left"
    seed: int | None = None
    dither: str = ""

    @property
    def needs_pictures(self) -> bool:
        """Whether :func:`resolve` or :func:`resolve_target` has to look at pictures of the source."""
        return self.kind in ("auto", "palette", "otsu")


class _RefusedError(Exception):
    """What was expected; empty when the text is in no known form."""


def _whole(text: str, low: int, high: int, what: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise _RefusedError(f"{what} from {low} to {high}")
    return int(text)


def _one_of(text: str, allowed: Sequence[str], what: str) -> str:
    if text not in allowed:
        raise _RefusedError(f"{what} to be one of {', '.join(allowed)}")
    return text


def _parse_bits(text: str) -> Request:
    depths, slash, expansion = text.partition("/")
    numbers = [_whole(depth, 1, 8, "bits") for depth in depths.split("-")]
    numbers = numbers * 3 if len(numbers) == 1 else numbers
    if len(numbers) != 3:
        raise _RefusedError("one or three numbers of bits, from 1 to 8")
    chosen = _one_of(expansion, get_args(Expansion), "the expansion") if slash else "replicate"
    red, green, blue = numbers
    return Request(text, "bits", bits=(red, green, blue), expansion=cast(Expansion, chosen))


def _parse_palette(text: str, rest: str) -> Request:
    if rest in CONSOLES:
        return Request(text, "free", name=rest)
    count, slash, method = rest.partition("/")
    if not count.isdecimal():
        if PurePath(rest).suffix.lower() not in PARSERS:
            raise _RefusedError(f"a number of colors, a console, or a palette file ending in {', '.join(PARSERS)}")
        return Request(text, "file", name=rest)
    colors = _whole(count, 1, MOST_COLORS, "a palette of a number of colors")
    return Request(
        text, "palette", colors=colors, method=_one_of(method, METHODS, "the method") if slash else METHODS[0]
    )


def _parse_gray(text: str, rest: str) -> Request:
    if rest == "otsu":
        return Request(text, "otsu")
    if rest.startswith("m="):
        return Request(text, "grays", levels=_whole(rest[2:], 2, 256, "m"))
    if not re.fullmatch(r"[0-9]*\.?[0-9]+", rest) or not 0 < float(rest) < 1:
        raise _RefusedError("a gray threshold between 0 and 1, or otsu")
    return Request(text, "threshold", number=float(rest))


def _parse_jpeg(text: str, rest: str) -> Request:
    quality, slash, chroma = rest.partition("/")
    chosen = _one_of(chroma, CHROMAS, "chroma") if slash else "420"
    return Request(text, "jpeg", quality=_whole(quality, 1, 100, "a quality"), chroma=chosen)


def _parse_chroma(text: str, rest: str) -> Request:
    kind, slash, siting = rest.partition("/")
    chosen = _one_of(siting, SITINGS, "the siting") if slash else "left"
    return Request(text, "chroma", chroma=_one_of(kind, CHROMAS[1:], "chroma"), siting=chosen)


def _parse_lossy(text: str, rest: str) -> Request:
    codes, slash, chroma = rest.partition("/")
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", codes) or not 0 < float(codes) <= LARGEST_TOLERANCE:
        raise _RefusedError(f"a tolerance above 0 and at most {LARGEST_TOLERANCE:.0f} of 255")
    halved = _one_of(chroma, CHROMAS[1:], "chroma") if slash else ""
    return Request(text, "lossy", number=float(codes) / 255, chroma=halved)


def _parse_cut(text: str, rest: str) -> Request:
    percent, slash, expansion = rest.partition("/")
    bits = bits_after_cut(_whole(percent, 1, MOST_CUT, "a percentage of the bits"))
    chosen = _one_of(expansion, get_args(Expansion), "the expansion") if slash else "floor"
    return Request(text, "bits", bits=bits, expansion=cast(Expansion, chosen))


def _parse_random(text: str, rest: str) -> Request:
    return Request(text, "random", seed=_whole(rest, 0, 999_999_999, "the seed"))


_PREFIXES = {
    "palette:": _parse_palette,
    "gray:": _parse_gray,
    "grey:": _parse_gray,
    "jpeg:": _parse_jpeg,
    "chroma:": _parse_chroma,
    "lossy:": _parse_lossy,
    "random:": _parse_random,
    "cut:": _parse_cut,
}


def _parse_one(text: str) -> Request:
    """A text without a dither."""
    if text in ("auto", "none", "palette", "palettes", "random"):
        return Request(text, cast(Kind, text))
    if text in CONSOLES:
        return Request(text, "console", name=text)
    if text.startswith("m="):
        return Request(text, "levels", levels=_whole(text[2:], 2, 256, "m"))
    for prefix, parse in _PREFIXES.items():
        if text.startswith(prefix):
            return parse(text, text.removeprefix(prefix))
    if re.match(r"[0-9]", text):
        return _parse_bits(text)
    raise _RefusedError


def _parse(text: str, option: str, forms: str, refused: tuple[str, ...]) -> Request:
    # A "+" may also be part of a file's name, so only a known word after it is a dither.
    before, _, after = text.rpartition("+")
    dither = after if before and after in DITHER_KINDS else ""
    try:
        request = replace(_parse_one(before if dither else text), text=text, dither=dither)
        if request.kind in refused:
            raise _RefusedError
        if dither and not _can_dither(request):
            raise _RefusedError(f"a dither only with levels, bits, grays or a palette{_without_limits(request)}")
    except _RefusedError as what:
        expected = str(what) or f"{option} as one of: {forms}"
        raise UsageError(f"expected {expected}; got {option} {text!r}") from None
    return request


def _without_limits(request: Request) -> str:
    return f", such as palette:{request.name}+{request.dither}" if request.kind == "console" else ""


def _can_dither(request: Request) -> bool:
    if request.kind == "console":
        return CONSOLES[request.name].rule is None
    return request.kind not in ("auto", "none", "palettes", "jpeg", "chroma", "lossy")


def parse_quantizer(text: str) -> Request:
    """Read the value of ``--quantizer``, what was lost; see :data:`LOST_FORMS`. No file is opened.

    Raises:
        UsageError: for anything else, with the allowed forms.
    """
    return _parse(text, "--quantizer", LOST_FORMS, ("random",))


def parse_target(text: str) -> Request:
    """Read the value of ``--to``, what shall be lost; see :data:`TARGET_FORMS`. No file is opened.

    Raises:
        UsageError: for anything else, with the allowed forms.
    """
    request = _parse(text, "--to", TARGET_FORMS, ("auto", "lossy", "palettes"))
    if text.partition("+")[0] == "palette":
        raise UsageError(f"expected --to palette:COLORS, such as palette:16, got {text!r}; how many colors?")
    return request


def with_dither(request: Request, dither: str) -> Request:
    """The request with the value of ``--dither``, "none" for what it says itself.

    Raises:
        UsageError: for an unknown dither, two of them, or a quantizer that cannot be dithered.
    """
    if dither == "none":
        return request
    check_choice(dither, DITHER_KINDS, "--dither")
    if request.dither:
        raise UsageError(f"expected one dither, got --to {request.text} and --dither {dither}; drop one")
    return _parse(f"{request.text}+{dither}", "--to", TARGET_FORMS, ())


def resolve(request: Request, pictures: Sequence[Tensor]) -> Quantizer:
    """The quantizer that a request means for stored pictures: what was lost.

    A gray threshold by Otsu cannot be seen in its result and is taken as 0.5. How a palette was made does not matter.

    Args:
        pictures: ``(3, H, W)`` in [0, 1], sampled over the source; used when ``request.needs_pictures``.

    Raises:
        InputError: when a palette file cannot be read.
        UsageError: when it holds too many colors.
        ValueError: for kind "auto", which is the business of ``estimate``.
    """
    if request.kind == "auto":
        raise ValueError("expected a request other than 'auto'; call estimate(pictures, ...) for that one")
    if request.kind == "palette":
        return _dithered(request, PaletteQuantizer(count_colors(pictures).most_frequent(request.colors)))
    if request.kind == "palettes":
        return OwnPalettes()
    if request.kind == "otsu":
        return _dithered(request, ThresholdQuantizer(0.5))
    return _dithered(request, _stated(request))


def resolve_target(request: Request, pictures: Sequence[Tensor], seed: int = 0) -> Quantizer:
    """The quantizer that a request means for fine pictures: what shall be lost.

    Args:
        pictures: as for :func:`resolve`; a palette is made of them, Otsu's threshold is the mean of theirs.
        seed: of k-means, and of random depths that have none of their own; 0 to 2**32 - 1.

    Raises:
        InputError, UsageError: as :func:`resolve`.
    """
    if not 0 <= seed < 1 << 32:
        raise UsageError(f"expected --seed from 0 to 4294967295, got {seed}")
    if request.kind == "random":
        chance = torch.Generator().manual_seed(seed if request.seed is None else request.seed)
        return _dithered(request, UniformQuantizer.random_bits(chance))
    if request.kind == "palette":
        return _dithered(request, PaletteQuantizer(palette_from(pictures, request.colors, request.method, seed)))
    if request.kind == "otsu":
        found = torch.cat([otsu_thresholds(picture[None]) for picture in pictures])
        return _dithered(request, ThresholdQuantizer(float(found.mean())))
    return _dithered(request, _stated(request))


def _dithered(request: Request, quantizer: Quantizer) -> Quantizer:
    if not request.dither:
        return quantizer
    inner = quantizer.free if isinstance(quantizer, ConsoleQuantizer) else quantizer
    return DitherQuantizer(inner, request.dither)


def _stated(request: Request) -> Quantizer:
    """A quantizer that its words describe completely."""
    match request.kind:
        case "levels":
            return UniformQuantizer.of_levels(request.levels)
        case "bits":
            return UniformQuantizer.of_bits(request.bits, request.expansion)
        case "lossy":
            return VideoQuantizer(request.number) if request.chroma else ToleranceQuantizer(request.number)
        case "file":
            return PaletteQuantizer(_loaded(request.name))
        case "free" | "console":
            return CONSOLES[request.name].free() if request.kind == "free" else ConsoleQuantizer(request.name)
        case "threshold" | "grays":
            return ThresholdQuantizer(request.number) if request.levels == 0 else GrayQuantizer(request.levels)
        case "jpeg" | "chroma":
            return _codec(request)
        case _:
            return UniformQuantizer.of_bits((8, 8, 8))


def _loaded(path: str) -> Tensor:
    """The distinct colors of a palette file."""
    colors: Tensor = torch.unique(load_palette(path), dim=0)
    if len(colors) > MOST_COLORS:
        raise UsageError(f"expected at most {MOST_COLORS} colors in {path!r}, got {len(colors)}; thin it out")
    return colors


def _codec(request: Request) -> Quantizer:
    from vdequant.quantizers.chroma import ChromaQuantizer
    from vdequant.quantizers.jpeg import JpegQuantizer

    if request.kind == "jpeg":
        return JpegQuantizer(request.quality, cast("Subsampling", request.chroma))
    return ChromaQuantizer(cast("ChromaKind", request.chroma), cast("ChromaSiting", request.siting))
