"""What flows through the pipeline: frames as stored integer planes, and packets that pass by untouched.

A :class:`Frame` keeps the samples exactly as they were stored (8 to 16 bits, any chroma subsampling); turning them
into RGB is ``color.to_rgb`` and happens where the restorer runs, so that a GPU receives 1.5 bytes a pixel, not 12.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor


class Matrix(IntEnum):
    """Matrix coefficients, numbered as in ITU-T H.273 table 4 (and FFmpeg's AVCOL_SPC)."""

    RGB = 0
    BT709 = 1
    UNSPECIFIED = 2
    FCC = 4
    BT470BG = 5
    SMPTE170M = 6
    SMPTE240M = 7
    BT2020_NCL = 9


class Siting(IntEnum):
    """Where a subsampled chroma sample sits, as in ITU-T H.273 clause 8.7 (FFmpeg's AVCHROMA_LOC)."""

    UNSPECIFIED = 0
    LEFT = 1
    CENTER = 2
    TOPLEFT = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """How integer planes encode a picture.

    ``model`` "rgb": three planes R, G, B. "yuv": Y, Cb, Cr. "gray": one plane.
    ``bits``: depth of every plane, 8..16; codes run from 0 to ``2**bits - 1`` and more than 8 bits are stored
    as ``torch.uint16``. ``chroma``: log2 of the horizontal and vertical chroma subsampling, (1, 1) for 4:2:0.
    """

    width: int
    height: int
    model: Literal["rgb", "yuv", "gray"] = "rgb"
    bits: int = 8
    chroma: tuple[int, int] = (0, 0)
    matrix: Matrix = Matrix.RGB
    full_range: bool = True
    siting: Siting = Siting.LEFT

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"expected a picture of at least 1x1, got {self.width}x{self.height}")
        if not 8 <= self.bits <= 16:
            raise ValueError(f"expected 8 to 16 bits a sample, got {self.bits}")
        if self.model == "yuv" and self.matrix in (Matrix.RGB, Matrix.UNSPECIFIED):
            raise ValueError(f"expected a known YUV matrix, got {self.matrix.name}; resolve it when decoding")

    def plane_shape(self, index: int) -> tuple[int, int]:
        """Height and width of plane ``index``; subsampled sizes are rounded up, as codecs do."""
        if self.model != "yuv" or index == 0:
            return self.height, self.width
        across, down = self.chroma
        return -(-self.height >> down), -(-self.width >> across)

    @property
    def planes(self) -> int:
        """Number of planes: 1 for gray, else 3."""
        return 1 if self.model == "gray" else 3


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture and its time. Time is carried, never recomputed from a frame rate.

    Attributes:
        planes: integer tensors ``(h, w)`` as ``layout`` says (uint8, or uint16 above 8 bits); never written to.
        layout: how the planes encode the picture.
        pts: presentation time in units of ``time_base``.
        time_base: seconds per unit of ``pts`` and ``duration``.
        duration: display time in units of ``time_base``; 0 when unknown.
        alpha: optional ``(height, width)`` plane of the same depth that is passed through.
        name: file name of a still or of a folder's frame, else "".
        corrupt: the decoder flagged this picture as damaged.
    """

    planes: tuple[Tensor, ...]
    layout: Layout
    pts: int = 0
    time_base: Fraction = Fraction(1, 1000)
    duration: int = 0
    alpha: Tensor | None = None
    name: str = ""
    corrupt: bool = False

    def __post_init__(self) -> None:
        if len(self.planes) != self.layout.planes:
            raise ValueError(f"expected {self.layout.planes} planes for {self.layout.model}, got {len(self.planes)}")
        for i, plane in enumerate(self.planes):
            if tuple(plane.shape) != self.layout.plane_shape(i):
                raise ValueError(f"expected plane {i} of {self.layout.plane_shape(i)}, got {tuple(plane.shape)}")

    @property
    def seconds(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)

    def __repr__(self) -> str:
        size = f"{self.layout.width}x{self.layout.height}"
        return f"Frame({size} {self.layout.model}{self.layout.bits}, pts={self.pts}, time_base={self.time_base})"


@dataclass(frozen=True, slots=True)
class SidePacket:
    """A compressed audio, subtitle or data packet on its way from the source to the sink, untouched."""

    payload: object
    stream_index: int


@dataclass(frozen=True, slots=True)
class SegmentStart(SidePacket):
    """Travels in line with the frames: nothing that follows depends on anything before it.

    Attributes:
        first: number of the frame that follows, counted over the whole source.
        notes: numbers about the segment that ends here, which are kept with it.
    """

    payload: object = None
    stream_index: int = -1
    first: int = 0
    notes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlreadyDone(SidePacket):
    """Stands in the place of a frame that an earlier run has written; ``instant``: its time in seconds."""

    payload: object = None
    stream_index: int = -1
    instant: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class ColorTags:
    """Colour description as tagged in the stream, ITU-T H.273 numbers; 2 means unspecified."""

    primaries: int = 2
    transfer: int = 2


@dataclass(frozen=True, slots=True)
class JpegCoding:
    """How a JPEG was quantized, by its own header.

    Attributes:
        luma, chroma: 64 steps each, row by row (not in the file's zigzag).
        subsampling: of chroma, "444", "422" or "420".
        gray: there is no chroma; ``chroma`` is ``luma`` then.
        trouble: why the coefficients' cells cannot be used, in a few words; "" when they can.
        turn: quarter turns counter-clockwise, then mirrored left to right or not, by which it was set upright.
        width, height: as coded, before that.
    """

    luma: tuple[int, ...]
    chroma: tuple[int, ...]
    subsampling: Literal["444", "422", "420"]
    gray: bool = False
    trouble: str = ""
    turn: tuple[int, bool] = (0, False)
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source knows before its first frame is restored.

    Attributes:
        kind: "video", "folder" (numbered frames), "image" (one still) or "pipe".
        path: as given by the user ("-" for standard input).
        layout: layout of the first frame, matrix and range already resolved.
        frames: number of frames when the container states it or they can be listed, else None.
        seconds: duration when known, else None.
        rate: nominal frames per second as an exact fraction; for display and encoders only.
        time_base: of the frames' ``pts``.
        sample_aspect: width over height of one pixel; 1 when square or unknown.
        rotation: degrees counter-clockwise that a player should turn the picture (0, 90, 180, 270).
        codec, pixel_format, container: FFmpeg's names, "" where they make no sense.
        lossy: whether the codec usually changes samples.
        tags: color primaries and transfer.
        audio, subtitles, others: number of further streams.
        assumed_matrix: True when the file carried no matrix tag and one was assumed.
        deinterlaced: how pictures were made of the fields of interlaced ones, "bwdif" or "fields"; "" for not at all.
        jpegs: how the pictures of a JPEG, a folder of them or a Motion JPEG were quantized, each way once.
        vp8_index: of the quantizer of a lossy WebP, 0 (finest) to 127; None for all else.
    """

    kind: Literal["video", "folder", "image", "pipe"]
    path: str
    layout: Layout
    frames: int | None = None
    seconds: float | None = None
    rate: Fraction = Fraction(60)
    time_base: Fraction = Fraction(1, 1000)
    sample_aspect: Fraction = Fraction(1)
    rotation: int = 0
    codec: str = ""
    pixel_format: str = ""
    container: str = ""
    lossy: bool = False
    tags: ColorTags = field(default_factory=ColorTags)
    audio: int = 0
    subtitles: int = 0
    others: int = 0
    assumed_matrix: bool = False
    deinterlaced: Literal["", "bwdif", "fields"] = ""
    jpegs: tuple[JpegCoding, ...] = ()
    vp8_index: float | None = None
