"""From a decoded picture to a :class:`Frame`."""

from __future__ import annotations

from fractions import Fraction

from av.video.frame import VideoFrame

from vdequant.errors import InputError
from vdequant.frames import Frame, Layout
from vdequant.media.pixels import storage, unpack


def as_frame(picture: VideoFrame, layout: Layout, pts: int, time_base: Fraction) -> Frame:
    """Copy the planes out of ``picture``; matrix, range and siting are those of ``layout``, the first picture's.

    Raises:
        InputError: the picture's size or format differs from the first picture's.
    """
    if (picture.width, picture.height) != (layout.width, layout.height):
        raise InputError(
            f"picture size changes from {layout.width}x{layout.height} to {picture.width}x{picture.height} at "
            f"{float(pts * time_base):.2f} s; split the file there and restore the parts"
        )
    store = storage(picture.format.name)
    if (store.model, store.bits, store.chroma) != (layout.model, layout.bits, layout.chroma):
        raise InputError(
            f"pixel format changes to {picture.format.name} at {float(pts * time_base):.2f} s; split the file there "
            "and restore the parts"
        )
    planes, alpha = unpack(picture)
    return Frame(
        planes,
        layout,
        pts,
        time_base,
        duration=int(picture.duration or 0),
        alpha=alpha,
        corrupt=bool(picture.is_corrupt),
    )
