"""From clean to stored pictures: the words of ``vdequant evaluate --quantizer``, each with its pinned protocol.

``m=16``: index ``floor(v * m / 256)`` of the 8-bit sample v, stored as the code in the middle of its step,
``floor((index + 0.5) * 256 / m)``; for 16 levels that is ``v // 16 * 16 + 8``. Found by experiment: on Kodak-24 it
gives 34.669 dB and SSIM .9137 for 16 levels, 28.619 dB and .8183 for 8, as published; the centers
``(index + 0.5) / m`` unrounded give 34.675 and 28.624, the means 7.5 of a step's codes 34.689 and 28.610.

``palette:16``: Pillow's median cut of the whole picture, or clip, without dither; ``palette:16+fs``: the same palette
with Pillow's Floyd-Steinberg. On Kodak-24 27.184 dB and .8760, and 24.978 dB and .7251.

``jpeg:10``: OpenCV's encoder with its default 4:2:0 chroma, decoded again.

``x264:23``: the clip through x264 in 4:2:0 at that crf; restorers are told the tolerance that the probe would find.

Everything else is a word of ``vdequant quantize --to``, such as ``5-5-5``, ``palette:game.gpl`` or ``m=4+bayer4``, by
our own quantizers, rounded to codes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vdequant.errors import UsageError
from vdequant.media.ffmpeg_cli import compress_pictures
from vdequant.quantizers.base import Cells, Quantizer
from vdequant.quantizers.jpeg import JpegQuantizer
from vdequant.quantizers.noise import flicker
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.spec import parse_target, resolve_target
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.video import VideoQuantizer

Pictures = NDArray[np.uint8]  # (T, H, W, 3) RGB

WORST_CRF = 51
LUMA = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
MOST_COLORS = 256  # of Pillow's median cut


def to_tensor(pictures: Pictures) -> Tensor:
    """``(T, H, W, 3)`` codes as ``(T, 3, H, W)`` float32 in [0, 1]."""
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float().contiguous() / 255


def to_codes(x: Tensor) -> Pictures:
    """``(T, 3, H, W)`` in [0, 1] as ``(T, H, W, 3)`` uint8 codes, rounded."""
    codes = (x.clamp(0, 1) * 255).round().to(torch.uint8)
    return codes.permute(0, 2, 3, 1).contiguous().cpu().numpy()


@dataclass(frozen=True, slots=True)
class Stored:
    """What is left of a picture or clip.

    Attributes:
        pictures: the stored codes, ``(T, H, W, 3)`` uint8.
        quantizer: what truly made them.
        dithered: cells hold for local means only.
        files: the JPEG file of each picture, else empty.
    """

    pictures: Pictures
    quantizer: Quantizer
    dithered: bool = False
    files: tuple[bytes, ...] = ()

    def tensor(self) -> Tensor:
        """``(T, 3, H, W)`` float32 in [0, 1]."""
        return to_tensor(self.pictures)

    def cells(self) -> Cells:
        """Where the truth lies, by the true quantizer."""
        if isinstance(self.quantizer, PaletteQuantizer):
            return self.quantizer.cells(self.tensor(), dithered=self.dithered)
        return self.quantizer.cells(self.tensor())


@dataclass(frozen=True, slots=True)
class Degradation:
    """A named way to lose precision.

    Attributes:
        text: as written.
        apply: from the true pictures ``(T, H, W, 3)`` uint8 to the stored ones.
    """

    text: str
    apply: Callable[[Pictures], Stored]


def _levels(count: int) -> Callable[[Pictures], Stored]:
    """See the module about ``m=``."""
    quantizer = UniformQuantizer.of_levels(count)
    index = np.arange(256) * count // 256
    table = np.floor((index + 0.5) * 256 / count).clip(0, 255).astype(np.uint8)
    return lambda pictures: Stored(table[pictures], quantizer)


def _palette_of(pictures: Pictures, colors: int) -> tuple[Image.Image, Pictures]:
    """The median cut of all pictures as one tall picture, and the pictures in it."""
    tall = Image.fromarray(pictures.reshape(-1, *pictures.shape[2:]))
    cut = tall.quantize(colors, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return cut, np.asarray(cut.convert("RGB")).reshape(pictures.shape)


def _palette(colors: int, dithered: bool) -> Callable[[Pictures], Stored]:
    def apply(pictures: Pictures) -> Stored:
        palette, stored = _palette_of(pictures, colors)
        if dithered:
            diffused = [
                Image.fromarray(p).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for p in pictures
            ]
            stored = np.stack([np.asarray(image.convert("RGB")) for image in diffused])
        used = np.unique(stored.reshape(-1, 3), axis=0)
        return Stored(stored, PaletteQuantizer(torch.from_numpy(used).float() / 255), dithered)

    return apply


def _jpeg(quality: int) -> Callable[[Pictures], Stored]:
    quantizer = JpegQuantizer(quality)

    def apply(pictures: Pictures) -> Stored:
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        files = [cv2.imencode(".jpg", np.ascontiguousarray(p[..., ::-1]), options)[1] for p in pictures]
        shown = [np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR))[..., ::-1] for file in files]
        return Stored(np.stack(shown).astype(np.uint8), quantizer, files=tuple(file.tobytes() for file in files))

    return apply


def _x264(crf: int) -> Callable[[Pictures], Stored]:
    def apply(pictures: Pictures) -> Stored:
        stored = compress_pictures(pictures, crf)
        lumas = list(to_tensor(stored).mul_(255).mul(LUMA).sum(1))
        return Stored(stored, VideoQuantizer(flicker(lumas) / 255))

    return apply


def _other(text: str) -> Callable[[Pictures], Stored]:
    try:
        request = parse_target(text)
    except UsageError as error:  # these are the words of "vdequant quantize --to"
        raise UsageError(str(error).replace("--to", "--quantizer")) from error

    def apply(pictures: Pictures) -> Stored:
        truth = to_tensor(pictures)
        quantizer = resolve_target(request, list(truth))
        return Stored(to_codes(quantizer.quantize(truth)), quantizer)

    return apply


def parse_degradation(text: str) -> Degradation:
    """Read one word of ``--quantizer``; see the module for all of them.

    Raises:
        UsageError: for anything else.
    """
    if match := re.fullmatch(r"palette:(\d+)(\+fs)?", text, re.ASCII):
        colors = int(match[1])
        if not 2 <= colors <= MOST_COLORS:
            raise UsageError(f"expected palette:COLORS with 2 to {MOST_COLORS} colors, got {text!r}")
        return Degradation(text, _palette(colors, bool(match[2])))
    if match := re.fullmatch(r"m=(\d+)", text, re.ASCII):
        if not 2 <= int(match[1]) <= 256:
            raise UsageError(f"expected m=LEVELS with 2 to 256 levels a channel, got {text!r}")
        return Degradation(text, _levels(int(match[1])))
    if match := re.fullmatch(r"jpeg:(\d+)", text, re.ASCII):
        return Degradation(text, _jpeg(int(match[1])))
    if match := re.fullmatch(r"x264:(\d+)", text, re.ASCII):
        if int(match[1]) > WORST_CRF:
            raise UsageError(f"expected x264:CRF with 0 to {WORST_CRF}, got {text!r}")
        return Degradation(text, _x264(int(match[1])))
    return Degradation(text, _other(text))
