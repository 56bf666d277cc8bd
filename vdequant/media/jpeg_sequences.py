"""How the pictures of a Motion JPEG, or of a folder of JPEGs, were quantized, by their headers; nothing is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av
from av.packet import Packet
from av.video.stream import VideoStream

from vdequant.frames import JpegCoding, Layout
from vdequant.media.jpeg_header import read_coding
from vdequant.media.opening import film_stream, open_container
from vdequant.media.stills import turn_of

MOST_BYTES = 64 << 20  # of packets that are looked at
HEADER = 4096  # bytes of a packet that hold its tables
FILE_HEADER = 256 << 10  # of a file, where a thumbnail may come first
MOST_FILES = 1000  # of a folder that are looked at
MOST_CODINGS = 64  # encoders that steer their rate use some 30


def _coding(packet: Packet[VideoStream], layout: Layout) -> JpegCoding | None:
    coding = read_coding(bytes(memoryview(packet)[:HEADER]))
    if coding is None or (coding.width, coding.height) == (layout.width, layout.height):
        return coding
    return replace(coding, trouble="its pictures are coded in two fields")


def codings_of_files(files: Sequence[Path]) -> tuple[JpegCoding, ...]:
    """Every way in which the pictures of a folder are coded, the commonest first; none when one is no JPEG.

    Of a large folder as many files as affordable are looked at, evenly spaced.
    """
    found: Counter[JpegCoding] = Counter()
    for file in dict.fromkeys(files[:: -(-len(files) // MOST_FILES)]):
        try:
            with open(file, "rb") as opened:
                head = opened.read(FILE_HEADER)
        except OSError:
            continue
        coding = read_coding(head)
        if coding is None:
            return ()
        found[replace(coding, turn=turn_of(head))] += 1
    return tuple(coding for coding, _ in found.most_common(MOST_CODINGS))


def codings_of_video(path: str, layout: Layout) -> tuple[JpegCoding, ...]:
    """Every way in which the pictures of a Motion JPEG are coded, the commonest first.

    Args:
        layout: of the decoded pictures.
    """
    found: Counter[JpegCoding] = Counter()
    left = MOST_BYTES
    with open_container(path) as container:
        stream = film_stream(container, path)
        try:
            for packet in container.demux(stream):
                coding = _coding(packet, layout) if packet.size else None
                if coding is not None:
                    found[coding] += 1
                left -= packet.size
                if left < 0:
                    break
        except (av.error.FFmpegError, OSError):
            pass  # what is damaged is told when it is decoded
    return tuple(coding for coding, _ in found.most_common(MOST_CODINGS))
