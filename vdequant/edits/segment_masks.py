"""Masks as Segment Anything leaves them: COCO run lengths in JSON, or arrays of booleans in .npy, read without pickle.

JSON is what its mask generator gives with ``output_mode="coco_rle"`` (a list of masks, each with a ``segmentation``),
what SA-1B is published as (the same under ``annotations``), or a single such mask or segmentation.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdequant.edits.selecting import Bits
from vdequant.errors import InputError, UsageError

ENDINGS = (".json", ".npy")
MOST_MASKS = 4096  # of one file


def decode_counts(text: str) -> list[int]:
    """Run lengths of COCO's compressed form.

    Each number is written in groups of 5 bits, lowest first, as characters from "0" (48) on; bit 32 says that more
    follow, bit 16 of the last group is the sign. From the third number on, the difference to the last but one is
    written (``rleFrString`` of the COCO API).
    """
    counts: list[int] = []
    value = shift = 0
    for char in text:
        group = ord(char) - 48
        if not 0 <= group < 64 or shift > 60:
            raise ValueError(f"expected run lengths of COCO, got {char!r} among them")
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("the run lengths end in the middle of a number")
    return counts


def decode_segmentation(segmentation: dict[str, Any], size: tuple[int, int]) -> Bits:
    """The mask of ``{"size": [height, width], "counts": ...}``, counts compressed or as numbers.

    Args:
        size: width and height that it must have.

    Raises:
        InputError: it is for a picture of another size.
        ValueError: it is damaged.
    """
    height, width = (int(side) for side in segmentation["size"])
    if (width, height) != size:
        raise InputError(
            f"expected a mask of {size[0]}x{size[1]} pixels, as the input has, got {width}x{height}; make it anew"
        )
    counts = segmentation["counts"]
    if not isinstance(counts, str | list):
        raise ValueError('expected run lengths as "counts"; polygons are not read')
    lengths = decode_counts(counts) if isinstance(counts, str) else [int(count) for count in counts]
    if min(lengths, default=-1) < 0 or sum(lengths) != width * height:
        raise ValueError(f"expected run lengths of {width * height} pixels together, got {sum(lengths)}")
    values = np.arange(len(lengths)) % 2 == 1  # the first run is outside
    flat: Bits = np.repeat(values, lengths)
    return flat.reshape(width, height).T  # columns first


def _segmentations(content: Any) -> list[dict[str, Any]]:
    """All segmentations of a file's content."""
    if isinstance(content, dict):
        content = content.get("annotations", [content])
    found = [one.get("segmentation", one) for one in content]
    if not found or len(found) > MOST_MASKS:
        raise ValueError(f"expected 1 to {MOST_MASKS} masks, got {len(found)}")
    return found


def _arrays(path: Path) -> list[Bits]:
    """The masks ``(H, W)`` of an array ``(H, W)`` or ``(N, H, W)``; it is mapped, not loaded."""
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.ndim not in (2, 3) or array.dtype.kind not in "biu":
        raise ValueError(f"expected booleans of shape (H, W) or (N, H, W), got {array.dtype} {array.shape}")
    masks = array[None] if array.ndim == 2 else array
    if not 1 <= len(masks) <= MOST_MASKS:
        raise ValueError(f"expected 1 to {MOST_MASKS} masks, got {len(masks)}")
    return [mask != 0 for mask in masks]


def read_masks(path: str, size: tuple[int, int]) -> list[Bits]:
    """All masks of a file.

    Args:
        path: ending in one of ENDINGS.
        size: width and height of the picture that they are for.

    Raises:
        InputError: the file is missing or damaged, or its masks are for another size.
    """
    try:
        if Path(path).suffix.lower() == ".npy":
            masks = _arrays(Path(path))
            height, width = masks[0].shape
            if (width, height) != size:
                raise InputError(
                    f"expected a mask of {size[0]}x{size[1]} pixels, as the input has, got {width}x{height} in {path}"
                )
            return masks
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return [decode_segmentation(one, size) for one in _segmentations(content)]
    except OSError as error:
        raise InputError(f"expected a file of masks for --mask, cannot read {path} ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path} holds no masks of Segment Anything: {what}") from error


def choose_mask(masks: Sequence[Bits], *, index: int | None, point: tuple[int, int] | None) -> Bits:
    """The mask that is meant.

    Args:
        index: its number, from 0; None where it was not named.
        point: x and y of a pixel: the smallest mask that holds it.

    Raises:
        UsageError: there is none, or several and neither a number nor a point says which.
    """
    if index is not None:
        if not 0 <= index < len(masks):
            raise UsageError(f"expected --mask-index 0 to {len(masks) - 1}, as the file holds, got {index}")
        return masks[index]
    if point is not None:
        holding = [mask for mask in masks if mask[point[1], point[0]]]
        if not holding:
            raise UsageError(f"expected a mask at --point {point[0]},{point[1]}, got none among {len(masks)}")
        return min(holding, key=lambda mask: int(mask.sum()))
    if len(masks) > 1:
        raise UsageError(
            f"expected --mask-index N or --point X,Y to choose among {len(masks)} masks, got neither; 0 is the first"
        )
    return masks[0]
