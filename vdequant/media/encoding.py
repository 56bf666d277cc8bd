"""Opens an encoder as the plan says, and rehearses the whole file in memory before any network loads."""

from __future__ import annotations

import io
import os
from fractions import Fraction
from typing import cast

# SVT-AV1 writes its settings to stderr when it opens, unless told to print errors only (1) or nothing (0).
os.environ.setdefault("SVT_LOG", "0")

import av
import torch
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vdequant.errors import OutputError, UsageError
from vdequant.frames import Layout, Matrix
from vdequant.media.matroska import PADDING
from vdequant.media.passengers import Passengers
from vdequant.media.passthrough import Carriage, Carrier, build, label, ways
from vdequant.media.pixels import pack
from vdequant.media.plan import OutputPlan
from vdequant.media.rationals import as_fraction
from vdequant.media.thread_policy import kept_policy

_REFUSALS = (av.error.FFmpegError, OSError, ValueError)
LIMITED, FULL = 1, 2  # FFmpeg's AVCOL_RANGE
_LONGEST_REORDERING = 600  # seconds between decoding and showing a picture
MAX_ENCODER_RATE = 240  # SVT-AV1 refuses more; the true times are in the stamps


def patches_aspect(plan: OutputPlan) -> bool:
    """Whether the pixel aspect must be written into the finished file: see ``matroska``."""
    return plan.container in ("matroska", "webm") and plan.sample_aspect != 1


def muxer_options(plan: OutputPlan) -> dict[str, str]:
    """The plan's options; a file that is patched afterwards has no checksums over what changes."""
    return dict(plan.muxer_options) | ({"write_crc32": "0"} if patches_aspect(plan) else {})


def add_film(container: OutputContainer, plan: OutputPlan, metadata: dict[str, str]) -> VideoStream:
    """The video stream of ``plan``, fully described: size, time base, color tags, pixel aspect, rotation."""
    rate = plan.rate if 1 <= plan.rate <= MAX_ENCODER_RATE else MAX_ENCODER_RATE
    film = cast(VideoStream, container.add_stream(plan.codec, rate=rate, options=dict(plan.options)))
    film.width, film.height, film.pix_fmt = plan.layout.width, plan.layout.height, plan.pix_fmt
    context = film.codec_context
    context.time_base = plan.time_base
    context.sample_aspect_ratio = plan.sample_aspect
    context.flags |= Flags.frame_duration  # the last picture's duration is not lost
    tag_colors(context, plan)
    if plan.rotation:
        film.set_display_rotation(plan.rotation)
    film.metadata.update(metadata)
    if patches_aspect(plan):
        film.metadata["title"] = metadata.get("title", "") + PADDING
    return film


def tag_colors(target: VideoCodecContext | VideoFrame, plan: OutputPlan) -> None:
    """Say what the colors are: of the film, and of each picture, for ProRes has it there and players believe that."""
    target.colorspace = int(plan.layout.matrix if plan.layout.model == "yuv" else Matrix.RGB)
    target.color_range = FULL if plan.layout.full_range else LIMITED
    target.color_primaries = plan.tags.primaries
    target.color_trc = plan.tags.transfer


def write_header(container: OutputContainer, film: VideoStream) -> None:
    """Open all encoders and write the header.

    Raises:
        UsageError: the encoder does not know one of the options.
    """
    with kept_policy():
        container.start_encoding()
    unknown = film.codec_context.options
    if unknown:
        pairs = ", ".join(f"{key}={value}" for key, value in unknown.items())
        raise UsageError(f"encoder {film.codec_context.name} does not know {pairs}; drop --preset or --crf")


def open_film(
    container: OutputContainer, plan: OutputPlan, passengers: Passengers, carriages: list[Carriage]
) -> tuple[VideoStream, dict[int, Carrier]]:
    """Add every stream, chapters and metadata to ``container`` and write its header."""
    film = add_film(container, plan, passengers.video_metadata)
    carriers = {carriage.stream.index: build(container, carriage) for carriage in carriages}
    if passengers.chapters:
        container.set_chapters(list(passengers.chapters))
    container.metadata.update(passengers.metadata)
    write_header(container, film)
    return film, carriers


def open_apart(plan: OutputPlan) -> VideoStream:
    """An encoder like that of :func:`open_film`, whose packets go nowhere by themselves.

    It is opened for the same container, because that decides whether its packets carry their own headers. The
    container is closed at once: it would keep the encoder, and its memory, until Python looks for circles.
    """
    with av.open(io.BytesIO(), "w", format=plan.container, container_options=muxer_options(plan)) as container:
        film = add_film(container, plan, {})
        write_header(container, film)
    return film


def flush(film: VideoStream) -> list[Packet[Stream]]:
    """The encoder's last packets, with decoding times that can be.

    x265 leaves decoding times unset (random, days off) when a film is shorter than its reordering; MP4 refuses them.
    Then the n-th packet to decode gets the n-th smallest presentation time, moved ahead until none comes too late.
    """
    packets: list[Packet[Stream]] = list(film.encode(None))
    limit = _LONGEST_REORDERING / as_fraction(film.codec_context.time_base, Fraction(1, 1000))
    if all(p.pts is None or p.dts is None or 0 <= p.pts - p.dts < limit for p in packets):
        return packets
    shown = [int(p.pts or 0) for p in packets]
    ahead = max(early - late for early, late in zip(sorted(shown), shown, strict=True))
    for packet, stamp in zip(packets, sorted(shown), strict=True):
        packet.dts = stamp - ahead
    return packets


def _black(layout: Layout) -> tuple[torch.Tensor, ...]:
    dtype = torch.uint8 if layout.bits == 8 else torch.uint16
    middle = 1 << (layout.bits - 1)
    return tuple(
        torch.full(layout.plane_shape(i), middle if layout.model == "yuv" and i else 0, dtype=dtype)
        for i in range(layout.planes)
    )


def _trial(plan: OutputPlan, passengers: Passengers, carriages: list[Carriage]) -> None:
    """One picture through the real encoder into the real container, in memory."""
    with av.open(io.BytesIO(), "w", format=plan.container, container_options=muxer_options(plan)) as container:
        film, _ = open_film(container, plan, passengers, carriages)
        picture = pack(_black(plan.layout), plan.pix_fmt)
        picture.pts, picture.time_base = 0, plan.time_base
        container.mux(film.encode(picture))
        container.mux(flush(film))


def rehearse(plan: OutputPlan, passengers: Passengers) -> tuple[list[Carriage], list[str]]:
    """Find out how every stream travels, before the work starts.

    Returns:
        The carriages that work together, and the names of the streams that the container cannot hold.

    Raises:
        OutputError: the pictures themselves cannot be written so.
        UsageError: an encoder option is unknown.
    """
    options = [ways(stream, plan.container) for stream in passengers.streams]
    carriages = [found[0] for found in options if found]
    try:
        try:
            _trial(plan, passengers, carriages)
        except _REFUSALS:
            working = [next((way for way in found if _works(plan, passengers, way)), None) for found in options]
            carriages = [way for way in working if way is not None]
            _trial(plan, passengers, carriages)
    except _REFUSALS as error:
        size = f"{plan.layout.width}x{plan.layout.height} {plan.pix_fmt}"
        raise OutputError(
            f"encoder {plan.codec} cannot write {size} into {plan.container} ({' '.join(str(error).split())}); "
            "choose another --codec, --scale or --chroma"
        ) from error
    kept = {carriage.stream.index for carriage in carriages}
    left = [label(s) for s in passengers.streams if s.index not in kept]
    return carriages, left


def _works(plan: OutputPlan, passengers: Passengers, carriage: Carriage) -> bool:
    try:
        _trial(plan, passengers, [carriage])
    except _REFUSALS:
        return False
    return True
