"""What is asked of a recoloring: the color, and the part of the picture, from a file, a rectangle or a point."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vdequant.edits import RECOLOR_FAST, choose_texture
from vdequant.edits.mapping import parse_color
from vdequant.edits.recolor import check_weight
from vdequant.edits.segment_masks import ENDINGS, choose_mask, read_masks
from vdequant.edits.selecting import (
    flood,
    grabcut,
    inside_picture,
    parse_point,
    parse_rect,
    rectangle,
    soft_inside,
)
from vdequant.errors import UsageError
from vdequant.masking import read_mask

LARGEST_FEATHER = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecolorWish:
    """What is asked for.

    Attributes:
        color: "#rrggbb", or "mean": the part's own mean color.
        mask: file: a picture, white selects; or Segment Anything's masks (.json, .npy).
        index: which of several masks. point: "x,y", the seed of a flood, or what the mask has to hold.
        rect: "x,y,width,height". grabcut: only what stands out inside it.
        tolerance: of the flood, in 8-bit codes.
        feather: pixels from the mask's edge inward over which the color sets in.
        texture: of TEXTURES, "" for the one that suits the restorer.
    """

    color: str
    mask: str = ""
    index: int | None = None
    point: str = ""
    rect: str = ""
    grabcut: bool = False
    tolerance: int = 16
    feather: float = 1.0
    texture: str = ""

    def __post_init__(self) -> None:
        choose_texture(self.texture, "auto", RECOLOR_FAST)
        if self.color != "mean":
            parse_color(self.color)
        self._check_place()
        if not 0 <= self.tolerance <= 255:
            raise UsageError(f"expected --tolerance between 0 and 255, got {self.tolerance}")
        if not 0 <= self.feather <= LARGEST_FEATHER:
            raise UsageError(f"expected --feather between 0 and {LARGEST_FEATHER:g} pixels, got {self.feather}")

    def _check_place(self) -> None:
        if sum(map(bool, (self.mask, self.rect, self.point))) - bool(self.mask and self.point) != 1:
            raise UsageError("expected one of --mask FILE, --rect X,Y,W,H and --point X,Y, to say what is recolored")
        if self.grabcut and not self.rect:
            raise UsageError("expected --rect X,Y,W,H around what --grabcut has to find, got none")
        several = Path(self.mask).suffix.lower() in ENDINGS
        if (self.index is not None or (self.mask and self.point)) and not several:
            raise UsageError(
                f"--mask-index and --point choose among the masks of a {' or '.join(ENDINGS)} file; drop it"
            )
        if self.rect:
            parse_rect(self.rect)
        if self.point:
            parse_point(self.point)


def find_weight(x: Tensor, wish: RecolorWish) -> Tensor:
    """The mask of a picture ``(1, 3, H, W)``: ``(1, 1, H, W)``, 0 where nothing changes.

    Raises:
        InputError: the mask's file cannot be read, or is for another size.
        UsageError: the place is not in the picture, or the mask is empty.
    """
    height, width = x.shape[-2:]
    point = inside_picture(parse_point(wish.point), width, height) if wish.point else None
    gray: Tensor | None = None
    if wish.mask and Path(wish.mask).suffix.lower() in ENDINGS:
        bits = choose_mask(read_masks(wish.mask, (width, height)), index=wish.index, point=point)
    elif wish.mask:
        gray = read_mask(wish.mask, width, height)
        bits = gray[0, 0].numpy() > 0
    elif wish.rect:
        box = parse_rect(wish.rect)
        bits = grabcut(x, box) if wish.grabcut else rectangle(box, width, height)
    else:
        bits = flood(x, point or (0, 0), wish.tolerance)
    weight = soft_inside(np.ascontiguousarray(bits), wish.feather)
    check_weight(weight)
    return weight if gray is None else torch.minimum(weight, gray)
