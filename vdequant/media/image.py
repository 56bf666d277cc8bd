"""One still: a source of a single frame, and a sink for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from PIL import Image

from vdequant.frames import Frame, SidePacket, SourceInfo
from vdequant.media.containers import PICTURES_WITH_ALPHA
from vdequant.media.contracts import Finished
from vdequant.media.jpeg_header import read_coding
from vdequant.media.lifetimes import AbortsAtExit, ClosesAtExit
from vdequant.media.lossy_webp import PIXEL_FORMAT, step_index, stored_planes
from vdequant.media.opening import check_file
from vdequant.media.plan import OutputPlan
from vdequant.media.stills import decode, encode, fit_alpha, turn_of
from vdequant.media.targets import explain, part_path, publish
from vdequant.settings import MOST_PIXELS


class ImageSource(ClosesAtExit):
    """A picture file as a video of one frame: RGB or gray, and the YUV that lies in a lossy WebP."""

    def __init__(self, path: str, max_pixels: int = MOST_PIXELS) -> None:
        self.warnings: list[str] = []
        check_file(path)
        data = Path(path).read_bytes()
        planes, alpha, layout = decode(data, path, max_pixels=max_pixels)
        coded = stored_planes(data, turn_of(data))
        if coded is not None:
            planes, layout = coded
        self._frame = Frame(planes, layout, time_base=Fraction(1), alpha=alpha, name=Path(path).name)
        suffix = Path(path).suffix.lower().lstrip(".")
        coding = read_coding(data)
        self.info = SourceInfo(
            "image",
            path,
            layout,
            frames=1,
            rate=Fraction(1),
            time_base=Fraction(1),
            codec=suffix,
            container=suffix,
            pixel_format="" if coded is None else PIXEL_FORMAT,
            lossy=coded is not None,
            vp8_index=None if coded is None else step_index(data),
            jpegs=() if coding is None else (replace(coding, turn=turn_of(data)),),
        )

    def __iter__(self) -> Iterator[Frame | SidePacket]:
        yield self._frame

    def sample(self, count: int) -> list[Frame]:
        """The picture itself."""
        return [self._frame][:count]


def is_still_gif(path: str) -> bool:
    """Whether a GIF is no animation; damaged ones are left to FFmpeg, which makes more of them."""
    try:
        with Image.open(path) as picture:
            return not getattr(picture, "is_animated", False)
    except Exception:  # Pillow's readers stumble over damaged files in every way there is
        return False


def picture_bytes(frame: Frame, plan: OutputPlan, suffix: str) -> tuple[bytes, bool]:
    """The file for ``frame``, and whether its transparency had to be dropped.

    Raises:
        ValueError: the frame is not in the plan's layout.
    """
    if frame.layout != plan.layout:
        raise ValueError(f"expected a picture of {plan.layout}, got {frame.layout}")
    alpha = frame.alpha
    dropped = alpha is not None and suffix not in PICTURES_WITH_ALPHA
    if alpha is None or dropped:
        return encode(frame.planes, None, suffix), dropped
    return encode(frame.planes, fit_alpha(alpha, plan.layout), suffix), False


class ImageSink(AbortsAtExit):
    """Writes one picture."""

    def __init__(self, plan: OutputPlan) -> None:
        self.warnings: list[str] = []
        self._plan = plan
        self._part = part_path(plan.path)
        self._written = 0

    def write(self, item: Frame | SidePacket) -> None:
        """Write the picture beside its final name; side packets have no place in a picture."""
        if isinstance(item, SidePacket):
            return
        if self._written:
            raise ValueError("expected one picture for an image file, got a second; write a folder or a video")
        data, dropped = picture_bytes(item, self._plan, self._plan.container)
        if dropped:
            self.warnings.append(f"{self._plan.container} holds no transparency; it was dropped (.png keeps it)")
        try:
            self._part.write_bytes(data)
        except OSError as error:
            self.abort()
            raise explain(error, self._plan.path) from error
        self._written = 1

    def finish(self) -> Finished:
        """Give the picture its name."""
        if not self._written:
            raise ValueError("expected a picture before finish(), got none")
        return Finished(self._plan.path, publish(self._part, self._plan.path), 1)

    def abort(self) -> None:
        """Delete what was written; harmless after finish()."""
        self._part.unlink(missing_ok=True)
