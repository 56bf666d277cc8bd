"""Takes sound, subtitles, attachments and data along: copied where the container can hold them, else converted.

What can be neither copied nor converted is left behind and named in one warning.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, cast

import av
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet
from av.video.stream import VideoStream

from vdequant.media.containers import TIMELESS
from vdequant.media.passengers import living_tags
from vdequant.media.rationals import as_fraction

Method = Literal["copy", "sound", "text"]

_LOSSLESS_SOUND = ("flac", "wavpack", "alac", "tta", "ape", "truehd", "mlp", "shorten")
# By muxer: encoder for lossless and for lossy sound that the container cannot hold as it is.
_SOUND_CODECS = {
    "mp4": ("flac", "aac"),
    "mov": ("alac", "aac"),
    "webm": ("libopus", "libopus"),
    "matroska": ("flac", "libopus"),
    "nut": ("flac", "libopus"),
}
_TEXT_CODECS = {"mp4": "mov_text", "mov": "mov_text", "webm": "webvtt", "matroska": "srt"}
_TEXT_FORMATS = ("subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text")
_OPUS_RATE = 48000
_EMPTY_TEXT = b"\0\0"  # MP4 writes these between two subtitles; its muxer makes its own

# What decoders of text subtitles assume; an encoder wants it before the first line.
ASS_HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\n"
    b"Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, "
    b"Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, "
    b"MarginV, Encoding\r\nStyle: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1"
    b"\r\n\r\n[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)


@dataclass(frozen=True, slots=True)
class Carriage:
    """How one stream travels: ``codec`` is the encoder's name unless it is copied."""

    stream: Stream
    method: Method
    codec: str = ""


def codec_name(stream: Stream) -> str:
    """The codec's name, or the stream's type where FFmpeg knows none."""
    context = stream.codec_context
    return context.name if context is not None else stream.type


def label(stream: Stream) -> str:
    """A stream in words, for warnings."""
    cover = isinstance(stream, VideoStream) and bool(stream.disposition & Disposition.attached_pic)
    return f"{'cover picture' if cover else stream.type} {stream.index} ({codec_name(stream)})"


def _can_copy(stream: Stream, muxer: str) -> bool:
    if stream.type == "attachment" and muxer != "matroska":
        return False
    if stream.type == "data" and muxer in ("webm", "apng"):
        return False
    with av.open(io.BytesIO(), "w", format=muxer) as scratch:
        try:
            scratch.add_stream_from_template(stream)
        except (ValueError, av.error.FFmpegError):
            return False
    return True


def ways(stream: Stream, muxer: str) -> list[Carriage]:
    """How ``stream`` may travel in ``muxer``'s container, best first; empty when it cannot."""
    if muxer in TIMELESS:  # FFmpeg would write sound between raw pictures
        return []
    found = [Carriage(stream, "copy")] if _can_copy(stream, muxer) else []
    name = codec_name(stream)
    if stream.type == "audio" and muxer in _SOUND_CODECS:
        lossless = name in _LOSSLESS_SOUND or name.startswith("pcm")
        found.append(Carriage(stream, "sound", _SOUND_CODECS[muxer][0 if lossless else 1]))
    if stream.type == "subtitle" and muxer in _TEXT_CODECS and name in _TEXT_FORMATS:
        found.append(Carriage(stream, "text", _TEXT_CODECS[muxer]))
    return found


def _named_layout(stream: Stream) -> AudioLayout:
    """Left and right by name: AVI only counts channels, and MP4 refuses to guess which ones they are."""
    layout = cast(AudioStream, stream).codec_context.layout
    known = {1: "mono", 2: "stereo"}
    return AudioLayout(known[layout.nb_channels]) if layout.nb_channels in known else layout


class _Copier:
    """Packets go over as they are."""

    def __init__(self, container: OutputContainer, stream: Stream) -> None:
        self._drop_empty = codec_name(stream) == "mov_text"
        self.target: Stream = container.add_stream_from_template(stream)
        if isinstance(self.target, AudioStream):
            self.target.codec_context.layout = _named_layout(stream)

    def convert(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        if self._drop_empty and packet.size == 2 and bytes(packet) == _EMPTY_TEXT:
            return []
        packet.stream = self.target
        return [packet]

    def flush(self) -> list[Packet[Stream]]:
        return []


class _SoundConverter:
    """Decodes and encodes sound; the source's decoder context is used, by the sink's thread alone."""

    def __init__(self, container: OutputContainer, stream: AudioStream, codec: str) -> None:
        context = stream.codec_context
        rate = _OPUS_RATE if codec == "libopus" else context.sample_rate
        target = container.add_stream(codec, rate=rate)
        audio = cast(AudioStream, target)
        audio.codec_context.layout = _named_layout(stream)
        if codec in ("flac", "alac") and context.format.bits > 16:
            audio.codec_context.format = "s32" if codec == "flac" else "s32p"
        self._source, self.target = stream, audio

    def convert(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        out: list[Packet[Stream]] = []
        try:
            frames = self._source.decode(packet)
        except av.error.FFmpegError:
            return out  # a damaged packet of sound is a short silence
        for frame in frames:
            out += self.target.encode(frame)
        return out

    def flush(self) -> list[Packet[Stream]]:
        out: list[Packet[Stream]] = []
        for frame in self._source.decode(None):
            out += self.target.encode(frame)
        return out + list(self.target.encode(None))


class _TextConverter:
    """Subtitles from one text format to another, by way of the decoder's ASS lines."""

    def __init__(self, container: OutputContainer, stream: SubtitleStream, codec: str) -> None:
        target = cast(SubtitleStream, container.add_stream(codec))
        target.codec_context.subtitle_header = stream.codec_context.subtitle_header or ASS_HEADER
        self._source, self.target = stream, target

    def convert(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        try:
            lines = [line for line in self._source.decode(packet) if isinstance(line, AssSubtitle)]
        except av.error.FFmpegError:
            return []
        if not lines:
            return []
        base = as_fraction(packet.time_base, Fraction(1, 1000))
        length = round((packet.duration or 0) * base * 1000)
        text = SubtitleSet.create(text=b"\n".join(line.ass for line in lines), start=0, end=length)
        made = self.target.codec_context.encode_subtitle(text)
        made.stream = self.target
        made.time_base = base
        made.pts = made.dts = packet.pts
        made.duration = packet.duration
        return [made]

    def flush(self) -> list[Packet[Stream]]:
        return []


Carrier = _Copier | _SoundConverter | _TextConverter


def build(container: OutputContainer, carriage: Carriage) -> Carrier:
    """Add the stream to ``container`` and return what feeds it."""
    stream = carriage.stream
    carrier: Carrier
    if carriage.method == "copy":
        carrier = _Copier(container, stream)
    elif carriage.method == "sound":
        carrier = _SoundConverter(container, cast(AudioStream, stream), carriage.codec)
    else:
        carrier = _TextConverter(container, cast(SubtitleStream, stream), carriage.codec)
    target = carrier.target
    if stream.type != "attachment":
        target.metadata.update(living_tags(dict(stream.metadata)))
    target.disposition = stream.disposition
    return carrier
