"""Makers of test data: small pictures, frames and real media files. They return data and assert nothing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import cv2
import numpy as np
import torch
from av.container import OutputContainer
from av.subtitles.subtitle import SubtitleSet
from PIL import Image
from torch import Tensor

from vdequant.color import from_rgb
from vdequant.frames import Frame, Layout, Matrix, Siting, SourceInfo
from vdequant.media.passthrough import ASS_HEADER
from vdequant.media.pixels import pack
from vdequant.media.thread_policy import kept_policy

MILLISECONDS = Fraction(1, 1000)


def gradient(height: int = 16, width: int = 24, shift: int = 0) -> Tensor:
    """A colored ramp ``(3, height, width)`` in [0, 1] that moves with ``shift``, so that pictures differ."""
    x = torch.linspace(0, 1, width).expand(height, width)
    y = torch.linspace(0, 1, height).unsqueeze(1).expand(height, width)
    return torch.stack([x, y, (x + y) / 2]).roll(shift, -1).contiguous()


def grained(seed: int, side: int = 48) -> np.ndarray:
    """A smooth colorful picture with some grain, ``(side, side, 3)`` uint8: something to lose, something to restore."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    planes = [0.5 + 0.4 * np.sin(5 * x + seed + c) * np.cos(4 * y + c) for c in range(3)]
    return (np.stack(planes, -1) * 255 + random.normal(0, 2, (side, side, 3))).clip(0, 255).round().astype(np.uint8)


def grained_folder(folder: Path, count: int, side: int) -> Path:
    """Make ``folder`` with so many pictures of :func:`grained`, "0.png" and so on, and return it."""
    folder.mkdir()
    for number in range(count):
        Image.fromarray(grained(number, side)).save(folder / f"{number}.png")
    return folder


def frames(layout: Layout, count: int = 4, time_base: Fraction = MILLISECONDS, step: int = 20) -> list[Frame]:
    """``count`` moving ramps in ``layout``."""
    return [
        Frame(from_rgb(gradient(layout.height, layout.width, i), layout), layout, i * step, time_base, step)
        for i in range(count)
    ]


def info(layout: Layout, kind: Any = "video", **changes: Any) -> SourceInfo:
    """A source's ``info`` with sensible rest."""
    return SourceInfo(kind, changes.pop("path", "game.mkv"), layout, **changes)


def rgb8(height: int = 16, width: int = 24, shift: int = 0) -> np.ndarray:
    """The ramp as ``(height, width, 3)`` uint8."""
    return (gradient(height, width, shift) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def video_frame(pix_fmt: str, height: int, width: int, shift: int) -> av.VideoFrame:
    """The ramp in any pixel format, through swscale."""
    source = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb8(height, width, shift)), "rgb24")
    return source if pix_fmt == "rgb24" else source.reformat(format=pix_fmt)


def noise_frame(pix_fmt: str, height: int, width: int, seed: int) -> av.VideoFrame:
    """Random samples of any pixel format, without swscale; equal for equal arguments."""
    generator = np.random.default_rng(seed)
    frame = av.VideoFrame(width, height, pix_fmt)
    bits = frame.format.components[0].bits
    for plane in frame.planes:
        if 8 < bits < 16:
            words = np.frombuffer(plane, np.uint16)
            words[:] = generator.integers(0, 1 << bits, words.shape)
        else:
            samples = np.frombuffer(plane, np.uint8)
            samples[:] = generator.integers(0, 256, samples.shape)
    return frame


def add_audio(container: OutputContainer, codec: str, seconds: float) -> list[av.Packet]:
    rate = 48000
    stream = container.add_stream(codec, rate=rate, layout="stereo")
    count = int(seconds * rate)
    wave = (np.sin(np.arange(count) * 0.05) * 8000).astype(np.int16)
    container.start_encoding()
    packets = []
    for start in range(0, count, 480):
        part = wave[start : start + 480]
        frame = av.AudioFrame.from_ndarray(np.stack([part, part], 1).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def _subtitle_packets(stream: Any, base: Fraction) -> list[av.Packet]:
    packets = []
    for i in range(2):
        text = SubtitleSet.create(text=b"%d,0,Default,,0,0,0,,line %d" % (i, i), start=0, end=50)
        packet = stream.codec_context.encode_subtitle(text)
        packet.stream, packet.time_base = stream, base
        packet.pts = packet.dts = int(Fraction(i * 60, 1000) / base)
        packet.duration = int(Fraction(50, 1000) / base)
        packets.append(packet)
    return packets


def clip(
    target: Path | BinaryIO,
    *,
    codec: str = "ffv1",
    pix_fmt: str = "bgr0",
    size: tuple[int, int] = (16, 24),
    count: int = 6,
    pts: Sequence[int] | None = None,
    time_base: Fraction = MILLISECONDS,
    options: dict[str, str] | None = None,
    audio: str = "",
    subtitles: str = "",
    attachment: bool = False,
    chapters: bool = False,
    rotation: int = 0,
    aspect: Fraction = Fraction(1),
    tags: tuple[int, int, int, int] = (2, 2, 2, 0),
    container: str | None = None,
    noise: bool = False,
) -> list[int]:
    """Write a real file and return the time stamps of its pictures.

    ``size``: height and width. ``tags``: matrix, primaries, transfer, range, as FFmpeg numbers them.
    ``noise``: random samples instead of the ramp.
    """
    stamps = list(pts) if pts is not None else [int(i * 20 * MILLISECONDS / time_base) for i in range(count)]
    file: Any = str(target) if isinstance(target, Path) else target
    with kept_policy(), av.open(file, "w", format=container) as out:
        film = out.add_stream(codec, rate=50, options=options or {})
        film.height, film.width = size
        film.pix_fmt = pix_fmt
        context = film.codec_context
        context.time_base, context.sample_aspect_ratio = time_base, aspect
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = tags
        if rotation:
            film.set_display_rotation(rotation)
        text = out.add_stream(subtitles) if subtitles else None
        if text is not None:
            text.codec_context.subtitle_header = ASS_HEADER
        if attachment:
            out.add_attachment("font.ttf", "application/x-truetype-font", b"not a font")
        if chapters:
            out.set_chapters([_chapter(1, 0, 60), _chapter(2, 60, 120)])
        out.metadata["title"] = "A test"
        packets = add_audio(out, audio, count * 0.02) if audio else []
        for i, stamp in enumerate(stamps):
            frame = noise_frame(pix_fmt, *size, i) if noise else video_frame(pix_fmt, *size, i)
            frame.pts, frame.time_base = stamp, time_base
            frame.duration = max(1, int(20 * MILLISECONDS / time_base))
            out.mux(film.encode(frame))
        out.mux(film.encode(None))
        out.mux(packets)
        if text is not None:
            out.mux(_subtitle_packets(text, MILLISECONDS))
    return stamps


def _chapter(number: int, start: int, end: int) -> Any:
    return {
        "id": number,
        "start": start,
        "end": end,
        "time_base": MILLISECONDS,
        "metadata": {"title": f"Chapter {number}"},
    }


def picture(path: Path, bits: int = 8, *, alpha: bool = False, size: tuple[int, int] = (16, 24)) -> np.ndarray:
    """Write a still through OpenCV and return its ``(height, width, 3 or 4)`` samples in RGB(A) order."""
    top = (1 << bits) - 1
    planes = (gradient(*size) * top).round().to(torch.int32).permute(1, 2, 0).numpy()
    if alpha:
        planes = np.concatenate([planes, planes[:, :, :1] // 2], axis=2)
    pixels = planes.astype(np.uint8 if bits == 8 else np.uint16)
    order = [2, 1, 0, 3][: pixels.shape[2]]
    cv2.imwrite(str(path), np.ascontiguousarray(pixels[:, :, order]))
    return pixels


def animation(path: Path, durations: Sequence[int]) -> None:
    """Write a GIF, APNG or WebP through Pillow; ``durations`` in milliseconds."""
    pictures = [Image.fromarray(rgb8(shift=i)).quantize(16) for i in range(len(durations))]
    kind = {".gif": "GIF", ".webp": "WEBP"}.get(path.suffix, "PNG")
    rest = [p.convert("RGB") if kind != "GIF" else p for p in pictures]
    rest[0].save(path, kind, save_all=True, append_images=rest[1:], duration=list(durations), loop=0)


def bare_h263() -> bytes:
    """Eight pictures that FFmpeg knows by 22 bits, as one in 10,000 pieces of noise has them."""
    out = io.BytesIO()
    with av.open(out, "w", format="h263") as container:
        stream = container.add_stream("h263", rate=30)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        frames = [av.VideoFrame.from_ndarray(np.full((96, 128, 3), n * 20, np.uint8)) for n in range(8)]
        container.mux([packet for frame in (*frames, None) for packet in stream.encode(frame)])
    return out.getvalue()


def damaged_clip(path: Path, count: int, bad: Sequence[int]) -> list[int]:
    """A clip whose packets numbered in ``bad`` hold noise instead of pictures; returns all time stamps."""
    good = io.BytesIO()
    stamps = clip(good, codec="png", pix_fmt="rgb24", count=count, container="mov")
    good.seek(0)
    with av.open(good) as source, av.open(str(path), "w") as out:
        film = source.streams.video[0]
        target = out.add_stream_from_template(film, opaque=True)
        for number, packet in enumerate(p for p in source.demux(film) if p.size):
            content = av.Packet(b"\x00" * 40) if number in bad else av.Packet(bytes(packet))
            content.stream, content.time_base = target, packet.time_base
            content.pts, content.dts, content.is_keyframe = packet.pts, packet.dts, True
            content.duration = int(Fraction(20, 1000) / Fraction(packet.time_base))
            out.mux(content)
    return stamps


def sound(path: Path | BinaryIO) -> list[bytes]:
    """Contents of all audio packets of a file, in order."""
    with av.open(str(path) if isinstance(path, Path) else path) as source:
        return [bytes(packet) for packet in source.demux(audio=0) if packet.size]


def stamps(path: Path | BinaryIO) -> list[Fraction]:
    """Presentation times of all pictures of a file, in seconds."""
    with av.open(str(path) if isinstance(path, Path) else path) as source:
        film = source.streams.video[0]
        return [frame.pts * Fraction(film.time_base) for frame in source.decode(film)]


def samples(path: Path) -> list[tuple[Fraction, bytes]]:
    """Time and samples of each picture of a file of a planar format; rows without what pads them."""
    shown = []
    with av.open(str(path)) as source:
        film = source.streams.video[0]
        for frame in source.decode(film):
            wide = 2 if frame.format.components[0].bits > 8 else 1
            rows = [
                np.frombuffer(plane, np.uint8)[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)
                for plane in frame.planes
            ]
            cut = [row[:, : plane.width * wide].tobytes() for row, plane in zip(rows, frame.planes, strict=True)]
            shown.append((frame.pts * Fraction(film.time_base), b"".join(cut)))
    return shown


def tile_scene(colors: Sequence[tuple[int, int, int]], moment: int = 0, size: tuple[int, int] = (64, 80)) -> np.ndarray:
    """Flat tiles of 16x16 with an outlined box and a line, scrolling with ``moment``: ``(height, width, 3)`` uint8."""
    many = len(colors)
    tiles = np.zeros((32, 16, 16), np.int64)
    for i, tile in enumerate(tiles):
        tile[:] = i % many
        top = i % 5
        tile[1 + top : 12, 4:12] = (3 * i + 2) % many
        tile[2 + top : 11, 5:11] = (7 * i + 1) % many
        tile[9 + top, 2:9] = (5 * i + 4) % many
    places = np.array([[(r * 5 + c) % 32 for c in range(16)] for r in range(16)])
    plane = np.roll(tiles[places].transpose(0, 2, 1, 3).reshape(256, 256), -moment, 1)
    height, width = size
    return np.array(colors, np.uint8)[plane[:height, :width]]


def enlarged_clip(
    path: Path,
    pictures: Sequence[np.ndarray],
    scale: tuple[int, int] = (3, 3),
    *,
    crf: int = 18,
    codec: str = "libx264",
    half_rows: bool = True,
) -> None:
    """Native pictures repeated ``scale`` times across and down, then untagged BT.601 4:2:0, as recorders write it.

    4:2:2 without ``half_rows``.
    """
    across, down = scale
    height, width = pictures[0].shape[0] * down, pictures[0].shape[1] * across
    layout = Layout(width, height, "yuv", 8, (1, int(half_rows)), Matrix.SMPTE170M, False, Siting.CENTER)
    pixels = "yuv420p" if half_rows else "yuv422p"
    with av.open(str(path), "w") as out:
        film = out.add_stream(codec, rate=60, options={"crf": str(crf), "preset": "veryfast"})
        film.height, film.width, film.pix_fmt = height, width, pixels
        film.codec_context.thread_count = 2  # x264's result depends on it, and must not depend on the machine
        for moment, picture in enumerate(pictures):
            big = torch.from_numpy(picture.repeat(down, 0).repeat(across, 1)).permute(2, 0, 1) / 255
            frame = pack(from_rgb(big, layout), pixels)
            frame.pts, frame.time_base = moment, Fraction(1, 60)
            out.mux(film.encode(frame))
        out.mux(film.encode(None))
