"""What an encoder's presets leave of a clip: bytes and processor time a frame, PSNR of luma against what it was given.

python scripts/measure_presets.py CLIP... [--codec av1] [--presets 10 8] [--crf 18 12] [--frames 120]

The CHANGELOG's figures. Options that are not given are the defaults of ``vdequant.media.codecs``.
"""

from __future__ import annotations

import argparse
import io
import time
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from vdequant.media.codecs import CODECS, Codec

PEAK = 255.0


def pictures_of(clip: Path, frames: int, fmt: str) -> list[VideoFrame]:
    """The first frames of a clip in an encoder's format."""
    found: list[VideoFrame] = []
    with av.open(str(clip)) as film:
        for frame in film.decode(video=0):
            if len(found) == frames:
                break
            found.append(frame.reformat(format=fmt))
    return found


def encoded(pictures: list[VideoFrame], codec: Codec, options: dict[str, str]) -> tuple[io.BytesIO, float]:
    """The film, and the processor time it took."""
    film, began = io.BytesIO(), time.process_time()
    with av.open(film, "w", format="matroska") as out:
        stream = out.add_stream(codec.encoder, rate=60, options=options)
        stream.width, stream.height, stream.pix_fmt = pictures[0].width, pictures[0].height, pictures[0].format.name
        for number, picture in enumerate(pictures):
            picture.pts, picture.time_base = number, Fraction(1, 60)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return film, time.process_time() - began


def luma(picture: VideoFrame, bits: int) -> NDArray[np.float64]:
    """Luma ``(H, W)`` in codes of 255."""
    return picture.to_ndarray()[: picture.height].astype(np.float64) / 2 ** (bits - 8)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+", help="lossless clips at native size")
    parser.add_argument("--codec", choices=("av1", "hevc", "h264"), default="av1", help="see vdequant --help")
    parser.add_argument("--presets", nargs="+", default=["10", "8"], help="of that encoder")
    parser.add_argument("--crf", nargs="+", help="of that encoder")
    parser.add_argument("--frames", type=int, default=120, help="of each clip")
    args = parser.parse_args()
    codec = CODECS[args.codec]
    bits = codec.bits
    fmt = codec.formats["420", bits]
    print(
        "| clip | preset | crf | bytes a frame | ms a frame | PSNR of luma, dB |\n| --- | --- | --- | --- | --- | --- |"
    )
    qualities = args.crf or [str(codec.crf[2]) if codec.crf else ""]
    for clip in args.clips:
        given = pictures_of(clip, args.frames, fmt)
        for preset, quality in product(args.presets, qualities):
            film, seconds = encoded(given, codec, {**codec.options, "crf": quality, codec.preset_option: preset})
            size = film.tell()
            film.seek(0)
            with av.open(film) as done:
                pairs = zip(done.decode(video=0), given, strict=True)
                error = np.mean([np.square(luma(one, bits) - luma(other, bits)).mean() for one, other in pairs])
            numbers = f"{size / len(given):.0f} | {seconds / len(given) * 1e3:.2f}"
            print(
                f"| {clip.stem} | {preset} | {quality} | {numbers} | {10 * np.log10(PEAK**2 / error):.2f} |", flush=True
            )


if __name__ == "__main__":
    main()
