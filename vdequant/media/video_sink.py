"""Writes a video file, or a video to standard output, with everything that travels along."""

from __future__ import annotations

import contextlib
import errno
from dataclasses import replace
from fractions import Fraction
from typing import BinaryIO, cast

import av
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vdequant.errors import OutputError
from vdequant.frames import Frame, SidePacket
from vdequant.media.containers import TIMELESS
from vdequant.media.contracts import Finished
from vdequant.media.encoding import flush, muxer_options, open_film, patches_aspect, rehearse, tag_colors
from vdequant.media.lifetimes import AbortsAtExit
from vdequant.media.matroska import set_pixel_aspect
from vdequant.media.passengers import Passengers
from vdequant.media.passthrough import label
from vdequant.media.pipe import Leaving
from vdequant.media.pixels import pack
from vdequant.media.plan import OutputPlan
from vdequant.media.rationals import as_fraction
from vdequant.media.targets import explain, is_full, part_path, publish
from vdequant.media.timing import Clock, Evenness

SMALLEST_TICK = Fraction(1, 1000)  # seconds; encoders may count coarser than the source
_HOLD_EQUAL_TIMES = ("matroska", "webm")
_WRITE_ERRORS = (av.error.FFmpegError, OSError, ValueError)


class _Counted:
    """A stream that cannot seek, with the bytes counted on their way."""

    def __init__(self, file: BinaryIO | Leaving) -> None:
        self._file = file
        self.count = 0

    def write(self, data: bytes) -> int:
        """Pass ``data`` on."""
        self._file.write(data)
        self.count += len(data)
        return len(data)

    def flush(self) -> None:
        """Pass on what is buffered."""
        self._file.flush()


class VideoSink(AbortsAtExit):
    """Encodes pictures, carries packets, and renames the complete file at the end.

    Attributes:
        warnings: one line each; the list of streams left behind is there from the start.
    """

    def __init__(self, plan: OutputPlan, passengers: Passengers, *, file: BinaryIO | Leaving | None = None) -> None:
        """``file``: write to this stream instead of ``plan.path``.

        Raises:
            OutputError: pictures cannot be written as planned, or the file cannot be created.
            UsageError: an encoder option is unknown.
        """
        self.warnings: list[str] = []
        self._plan = plan
        self._frames = self._refused = self._muxed = 0
        self._until = Fraction(0)  # seconds at which the last picture that was muxed is shown
        self._clock = Clock(1, strict=plan.container not in _HOLD_EQUAL_TIMES)
        self._durations: dict[int, int] = {}  # of the pictures inside the encoder, by their stamps
        self._open = False
        carriages, left = rehearse(plan, passengers)
        self._evenness = Evenness(plan.rate) if plan.container in TIMELESS else None
        if left:
            keeper = "--format nut" if plan.kind == "pipe" and plan.container in TIMELESS else "an .mkv"
            self.warnings.append(f"{plan.container} cannot hold {', '.join(left)}; left out ({keeper} keeps most)")
        if passengers.others:
            others = ", ".join(label(stream) for stream in passengers.others)
            self.warnings.append(f"left out: {others}; of pictures, only the first video is taken along")
        self.warnings += [
            f"{c.stream.type} {c.stream.index} is converted to {c.codec}: {plan.container} cannot hold it as it is"
            for c in carriages
            if c.method != "copy"
        ]
        self._pipe = _Counted(file) if file is not None else None
        self._part = None if file is not None else part_path(plan.path)
        try:
            self._container = av.open(
                self._pipe if self._pipe is not None else str(self._part),
                "w",
                format=plan.container,
                container_options=muxer_options(plan),
            )
            self._open = True
            self._film, self._carriers = open_film(self._container, plan, passengers, carriages)
        except _WRITE_ERRORS as error:
            self.abort()
            raise explain(error, plan.path) from error
        except BaseException:
            self.abort()
            raise

    def write(self, item: Frame | SidePacket) -> None:
        """Encode a picture in the plan's layout, or take a packet along.

        Raises:
            OutputError: encoder or disk failed.
            ValueError: the picture is not as planned; FFmpeg would silently rescale it.
        """
        try:
            if isinstance(item, SidePacket):
                self._carry(item)
            else:
                self._encode(item)
        except (av.error.FFmpegError, OSError) as error:
            raise explain(error, self._plan.path, self._written()) from error

    def _encode(self, frame: Frame) -> None:
        if frame.layout != self._plan.layout:
            raise ValueError(f"expected a picture of {self._plan.layout}, got {frame.layout}")
        picture = pack(frame.planes, self._plan.pix_fmt)
        if self._evenness is not None:  # no times are held, so that pictures are counted
            self._evenness.shown(frame.pts * frame.time_base)
            frame = replace(frame, pts=self._frames, time_base=self._plan.time_base, duration=1)
        tag_colors(picture, self._plan)
        picture.pts, picture.time_base = self._clock.stamp(frame.pts), frame.time_base
        picture.duration = frame.duration
        self._frames += 1
        if frame.duration:
            self._durations[frame.pts] = frame.duration
        self._encode_picture(picture)

    def _encode_picture(self, picture: VideoFrame) -> None:
        self._mux_film(self._lasting(self._film, self._film.encode(picture)))

    def _lasting(self, film: VideoStream, packets: list[Packet[Stream]]) -> list[Packet[Stream]]:
        """SVT-AV1 forgets how long a picture lasts; without it the last one would end early."""
        for packet in packets:
            duration = self._durations.pop(packet.pts or 0, 0)
            if duration and film.codec_context.time_base == self._plan.time_base:
                packet.duration = duration
        return packets

    def _mux_film(self, packets: list[Packet[Stream]]) -> None:
        for packet in packets:
            self._mux_picture(packet)

    def _mux_picture(self, packet: Packet[Stream]) -> None:
        self._muxed += 1
        self._until = max(self._until, (packet.pts or 0) * as_fraction(packet.time_base, self._plan.time_base))
        self._container.mux(packet)

    def _check_pictures(self) -> None:
        """Every picture has come out of the encoder, the last one at its time.

        Raises:
            OutputError: one has not.
        """
        given = (self._clock.last or 0) * self._plan.time_base
        if self._muxed == self._frames and abs(self._until - given) <= max(self._plan.time_base, SMALLEST_TICK):
            return
        raise OutputError(
            f"encoder {self._plan.codec} gave back {self._muxed} of {self._frames} pictures, the last at "
            f"{float(self._until):.3f} instead of {float(given):.3f} s; choose another --codec"
        )

    def _drain(self) -> None:
        """Write the pictures that are still inside the encoder."""
        self._mux_film(self._lasting(self._film, flush(self._film)))

    def _carry(self, item: SidePacket) -> None:
        carrier = self._carriers.get(item.stream_index)
        if carrier is None:
            return
        for packet in carrier.convert(cast("Packet[Stream]", item.payload)):
            self._mux_side(packet)

    def _mux_side(self, packet: Packet[Stream]) -> None:
        """A muxer refuses packets whose time runs backwards; that is no reason to lose the film."""
        try:
            self._container.mux(packet)
        except av.error.FFmpegError as error:
            if is_full(error) or getattr(error, "errno", 0) not in (errno.EINVAL, errno.EPERM):
                raise
            self._refused += 1

    def _written(self) -> int:
        if self._pipe is not None:
            return self._pipe.count
        try:
            return self._part.stat().st_size if self._part is not None else 0
        except OSError:
            return 0

    def finish(self) -> Finished:
        """Flush the encoders, complete the file and give it its name."""
        try:
            self._drain()
            self._check_pictures()
            for carrier in self._carriers.values():
                for packet in carrier.flush():
                    self._mux_side(packet)
            self._open = False
            self._container.close()
            if self._pipe is not None:
                self._pipe.flush()
            self._write_aspect()
        except (av.error.FFmpegError, OSError) as error:
            written = self._written()
            self.abort()
            raise explain(error, self._plan.path, written) from error
        except OutputError:
            self.abort()
            raise
        if self._clock.repaired:
            self.warnings.append(
                f"{self._clock.repaired} pictures had the time stamp of the one before, which {self._plan.container}"
                " cannot hold; they were moved by the smallest step (an .mkv keeps them)"
            )
        if self._evenness is not None and not self._evenness.even:
            self.warnings.append(
                f"pictures are up to {float(self._evenness.most):.2f} s off an even {float(self._plan.rate):g} a "
                f"second, and {self._plan.container} holds no times (nut and .mkv do)"
            )
        if self._refused:
            self.warnings.append(f"{self._refused} sound or subtitle packets had falling time stamps and were left out")
        size = self._pipe.count if self._part is None and self._pipe is not None else 0
        if self._part is not None:
            part, self._part = self._part, None
            size = publish(part, self._plan.path)
        return Finished(self._plan.path, size, self._frames)

    def _write_aspect(self) -> None:
        plan = self._plan
        if self._part is None or not patches_aspect(plan):
            return
        if not set_pixel_aspect(self._part, (plan.layout.width, plan.layout.height), plan.sample_aspect):
            self.warnings.append(f"the pixel aspect {plan.sample_aspect} could not be written; use an .mp4 name")

    def abort(self) -> None:
        """Close and delete what was written so far; harmless after finish()."""
        if self._open:
            self._open = False
            with contextlib.suppress(*_WRITE_ERRORS):
                self._container.close()
        if self._part is not None:
            self._part.unlink(missing_ok=True)
            self._part = None
