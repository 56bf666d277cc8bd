"""Decides what will be written: pure data from the output's name, the source's ``info`` and the settings.

Nothing is opened or created here, so that every impossible wish is refused before any work starts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vdequant.checks import check_choice
from vdequant.errors import UsageError
from vdequant.frames import ColorTags, Layout, Matrix, Siting, SourceInfo
from vdequant.media.codecs import CODEC_CHOICES, CODECS, Codec, holders
from vdequant.media.containers import (
    CONTAINERS,
    LISTED,
    PICTURE_BITS,
    REFUSED_OUTPUTS,
    STREAMS,
    TIMELESS,
    VARIABLE_INPUTS,
    VARIABLE_RATE,
    Container,
    known_outputs,
)
from vdequant.settings import Settings

Kind = Literal["video", "folder", "image", "pipe"]

# Below these, "--scale auto" doubles a picture rather than lose its one-pixel color; the second is for sources that
# have lost it: at their native size it is restored.
SMALL_HEIGHT, SMALL_HALVED = 480, 300
BT709_TAG = 1
LOSSLESS_CONTAINERS = (".mkv", ".nut")
# A reader of our output gets each packet when it is written; live, sparse sound is waited for half a second, not ten.
_UNBUFFERED = {"flush_packets": "1"}
_LIVE = {"max_interleave_delta": "500000"}
_AT_ONCE = {"h264": {"tune": "zerolatency"}, "hevc": {"tune": "zerolatency"}}  # encoders that else look ahead
_CHROMA_SHIFTS = {"420": (1, 1), "422": (1, 0), "444": (0, 0)}


@dataclass(frozen=True, slots=True)
class OutputPlan:
    """What will be written.

    Attributes:
        kind: "video", "folder" (numbered pictures), "image" (one still) or "pipe" (standard output).
        path: as given by the user; "-" for standard output.
        container: FFmpeg's muxer, or the ending of the pictures, for example ".png".
        codec: FFmpeg's encoder, or "" for pictures.
        pix_fmt: FFmpeg's pixel format, or "" for pictures.
        layout: of the frames that the sink takes; its size already includes ``scale``.
        scale: integer nearest enlargement to apply after restoring.
        options: for the encoder; ``muxer_options``: for the container.
        sample_aspect, rotation, rate, time_base, tags: as in ``SourceInfo``.
        vfr: pictures that follow each other unchanged are written once, with the time of them all.
        listed: the folder gets a list of its pictures' times.
        dither: the target has 8 bits, so that rounding needs a dither to keep smooth gradients smooth.
        notes: decisions the user may want to know, one line each.
    """

    kind: Kind
    path: str
    container: str
    codec: str
    pix_fmt: str
    layout: Layout
    scale: int = 1
    options: dict[str, str] = field(default_factory=dict)
    muxer_options: dict[str, str] = field(default_factory=dict)
    sample_aspect: Fraction = Fraction(1)
    rotation: int = 0
    rate: Fraction = Fraction(60)
    time_base: Fraction = Fraction(1, 1000)
    tags: ColorTags = field(default_factory=ColorTags)
    vfr: bool = False
    listed: bool = False
    dither: bool = False
    notes: tuple[str, ...] = ()


def output_kind(path: str) -> Kind:
    """What ``path`` names, by its ending alone; a name without an ending, or of a folder, is a folder.

    Raises:
        UsageError: an ending that we cannot or will not write.
    """
    if path == "-":
        return "pipe"
    suffix = Path(path).suffix.lower()
    if path.endswith(("/", os.sep)) or os.path.isdir(path) or not suffix:
        return "folder"
    if suffix in CONTAINERS:
        return "video"
    if suffix in PICTURE_BITS:
        return "image"
    if suffix in REFUSED_OUTPUTS:
        raise UsageError(f"{suffix} cannot be written: {REFUSED_OUTPUTS[suffix]}")
    raise UsageError(f"expected an output ending of {known_outputs()}, got {suffix!r}")


def plan_output(path: str, info: SourceInfo, settings: Settings) -> OutputPlan:
    """The output that ``path`` and ``settings`` ask for.

    Raises:
        UsageError: a combination that does not exist, with what works instead.
    """
    kind = output_kind(path)
    _check_kinds(kind, path, info)
    if settings.stream_format != "nut" and kind != "pipe":
        raise UsageError(f"--format is for -o - (standard output), the ending of {path} says what it is; drop it")
    if kind in ("image", "folder"):
        return _timed(_plan_pictures(kind, path, info, settings), info, settings)
    suffix = Path(path).suffix.lower()
    container = STREAMS[settings.stream_format] if kind == "pipe" else CONTAINERS[suffix]
    name = _codec_name(path, suffix, container, settings)
    return _timed(_plan_video(kind, path, container, name, info, settings), info, settings)


def _timed(plan: OutputPlan, info: SourceInfo, settings: Settings) -> OutputPlan:
    """The plan with what is to be done about times of pictures: equal ones folded, those of a folder listed."""
    folder = plan.kind == "folder"
    if settings.vfr and not folder and plan.container not in VARIABLE_RATE:
        raise UsageError(
            f"expected an .mkv, .mp4, .webm, .mov or folder for --vfr, got {plan.path}, which keeps no durations"
        )
    if settings.vfr or info.container in VARIABLE_INPUTS:
        # MP4 stores when to decode, and by that the end: reordered pictures of very different durations falsify it.
        in_order = {"bf": "0"} if plan.container in ("mp4", "mov") and plan.codec in ("libx264", "libx265") else {}
        plan = replace(plan, options=plan.options | in_order)
    notes = (*plan.notes, "equal pictures in a row are written once") if settings.vfr else plan.notes
    listed = folder and (settings.vfr or info.container == LISTED)
    return replace(plan, vfr=settings.vfr, listed=listed, notes=notes)


def _check_kinds(kind: Kind, path: str, info: SourceInfo) -> None:
    if kind == "image" and info.kind != "image":
        raise UsageError(
            f"expected a video or folder name for many pictures, got {path}; use .mkv, .mp4, .apng or a folder"
        )
    if kind in ("video", "pipe") and info.kind == "image":
        raise UsageError(f"expected a picture name for one picture, got {path}; use .png, .tif or .webp")


# ---- pictures -----------------------------------------------------------------------------------------------------


def _plan_pictures(kind: Kind, path: str, info: SourceInfo, settings: Settings) -> OutputPlan:
    suffix = Path(path).suffix.lower() if kind == "image" else ".png"
    depths = PICTURE_BITS[suffix]
    if settings.codec != "auto" or settings.crf is not None or settings.preset:
        raise UsageError(f"--codec, --crf and --preset are for video, {path} holds pictures; drop them")
    if settings.chroma not in ("auto", "444"):
        raise UsageError(f"{suffix} pictures store full color (--chroma 444), got --chroma {settings.chroma}; drop it")
    bits = settings.bits or depths[0]
    if bits not in depths:
        allowed = " or ".join(str(d) for d in sorted(depths))
        raise UsageError(f"expected --bits {allowed} for {suffix} pictures, got {bits}; .png and .tif store 8 or 16")
    if settings.lossless and suffix in (".jpg", ".jpeg"):
        raise UsageError("--lossless is not possible in .jpg; use .png, .tif or .webp")
    scale = settings.scale or 1
    model: Literal["rgb", "gray"] = "gray" if info.layout.model == "gray" else "rgb"
    layout = Layout(info.layout.width * scale, info.layout.height * scale, model, bits)
    return OutputPlan(
        kind,
        path,
        suffix,
        "",
        "",
        layout,
        scale,
        sample_aspect=info.sample_aspect,
        rotation=info.rotation,
        rate=info.rate,
        time_base=info.time_base,
        tags=info.tags,
        dither=bits == 8,
        notes=_lost_by_pictures(info),
    )


def _lost_by_pictures(info: SourceInfo) -> tuple[str, ...]:
    notes = []
    if info.audio:
        notes.append("a folder of pictures holds no sound")
    if info.kind == "image" and info.others:
        notes.append("the opacity of an AVIF is not read; make it a .png first to keep it")
    if info.rotation:
        notes.append(f"the pictures are stored unturned; players turn the video by {info.rotation} degrees")
    return tuple(notes)


# ---- video --------------------------------------------------------------------------------------------------------


def _codec_name(path: str, suffix: str, container: Container, settings: Settings) -> str:
    """The codec by settings and container, checked against each other."""
    name = settings.codec
    if name != "auto":
        check_choice(name, CODEC_CHOICES, "--codec")
    if settings.lossless:
        if container.codecs in (("apng",), ("rawvideo",)):
            return container.codecs[0]
        if container is STREAMS["y4m"]:
            raise UsageError("--lossless keeps RGB, which y4m cannot hold; use --format nut or rawvideo, or an .mkv")
        if name not in ("auto", "ffv1"):
            raise UsageError(f"--lossless writes FFV1, got --codec {name}; drop one of the two")
        if path != "-" and suffix not in LOSSLESS_CONTAINERS:
            raise UsageError(f"--lossless needs an .mkv (or .nut) name, got {path}; {suffix} players do not read FFV1")
        return "ffv1"
    if name == "auto":
        return container.codecs[0]
    if name not in container.codecs:
        able = ", ".join(c for c in container.codecs)
        raise UsageError(f"{suffix or 'standard output'} holds {able}, not {name}; .mkv holds all of them")
    return name


def _plan_video(
    kind: Kind, path: str, container: Container, name: str, info: SourceInfo, settings: Settings
) -> OutputPlan:
    codec = CODECS[name]
    notes: list[str] = []
    chroma = settings.chroma if settings.chroma != "auto" else codec.chroma
    bits = _video_bits(name, codec, chroma, settings)
    scale = _scale(chroma, info, settings, notes)
    width, height = info.layout.width * scale, info.layout.height * scale
    chroma = _even(name, codec, chroma, bits, (width, height), settings, notes)
    if min(width, height) < codec.min_size:
        raise UsageError(
            f"{name} needs at least {codec.min_size}x{codec.min_size}, got {width}x{height}; pass --scale "
            f"{-(-codec.min_size // min(info.layout.width, info.layout.height))} or --codec ffv1"
        )
    if bits == 8 and name == "h264" and chroma == "444":
        notes.append("H.264 4:4:4 does not play in browsers and on most devices")
    if container.format == "nut" and (info.sample_aspect != 1 or info.rotation):
        notes.append("NUT stores neither pixel aspect nor rotation")
    layout, tags = _video_layout(chroma, bits, (width, height), scale, info)
    if container is STREAMS["y4m"]:
        layout = replace(layout, siting=Siting.CENTER)  # what its "420" means
    if container is STREAMS["rawvideo"]:
        notes.append(_how_to_play(codec.formats[(chroma, bits)], width, height, info))
    return OutputPlan(
        kind,
        path,
        container.format,
        codec.encoder,
        codec.formats[(chroma, bits)],
        layout,
        scale,
        options=_options(name, codec, settings) | (_AT_ONCE.get(name, {}) if kind == "pipe" and settings.live else {}),
        muxer_options=dict(container.options) | _of_stream(kind, settings),
        sample_aspect=info.sample_aspect,
        rotation=info.rotation,
        rate=info.rate,
        time_base=1 / info.rate if container.format in TIMELESS else info.time_base,
        tags=tags,
        dither=bits == 8,
        notes=tuple(notes),
    )


def _of_stream(kind: Kind, settings: Settings) -> dict[str, str]:
    """Options of the muxer that writes to standard output."""
    return (_UNBUFFERED if kind == "pipe" else {}) | (_LIVE if kind == "pipe" and settings.live else {})


def _how_to_play(pix_fmt: str, width: int, height: int, info: SourceInfo) -> str:
    """What a reader of raw pictures has to be told."""
    size, rate = f"-video_size {width}x{height}", f"-framerate {info.rate}"
    return f"to be read with -f rawvideo -pixel_format {pix_fmt} {size} {rate}"


def _video_bits(name: str, codec: Codec, chroma: str, settings: Settings) -> int:
    """The depth, after checking that the codec knows it with this chroma."""
    bits = settings.bits or codec.bits
    if (chroma, bits) in codec.formats:
        return bits
    depths = sorted(b for c, b in codec.formats if c == chroma)
    if depths:
        raise UsageError(
            f"{name} stores {' or '.join(map(str, depths))} bits in {chroma}, got --bits {bits}; "
            f"codecs with {bits} bits: {holders(chroma, bits)}"
        )
    able = sorted({c for c, _ in codec.formats})
    raise UsageError(
        f"{name} stores chroma {' or '.join(able)} only, got --chroma {chroma}; it works with --codec "
        f"{holders(chroma, bits)}"
    )


def _scale(chroma: str, info: SourceInfo, settings: Settings, notes: list[str]) -> int:
    """``--scale``, or 2 where halving the chroma of a small picture would smear one-pixel color."""
    if settings.scale:
        return settings.scale
    source = info.layout
    full_chroma = source.model == "rgb" or (source.model == "yuv" and source.chroma == (0, 0))
    small = SMALL_HEIGHT if full_chroma else SMALL_HALVED
    if chroma == "420" and source.model != "gray" and source.height < small:
        how = " (nearest)" if settings.scaler == "nearest" else ""
        notes.append(f"doubled{how} so that 4:2:0 keeps one-pixel color; --scale 1 keeps the size")
        return 2
    return 1


def _even(
    name: str, codec: Codec, chroma: str, bits: int, size: tuple[int, int], settings: Settings, notes: list[str]
) -> str:
    """The chroma format, changed to 4:4:4 where the encoder refuses an odd size in a subsampled one."""
    across, down = _CHROMA_SHIFTS.get(chroma, (0, 0))
    odd = bool(size[0] % (1 << across) or size[1] % (1 << down))
    if codec.pads_odd or not odd:
        return chroma
    if settings.chroma == "auto" and ("444", bits) in codec.formats:
        notes.append(f"{name} cannot store {size[0]}x{size[1]} as 4:2:0, so 4:4:4 is used; --scale 2 would avoid that")
        return "444"
    raise UsageError(
        f"{name} cannot store the odd size {size[0]}x{size[1]} with --chroma {chroma}; use --scale 2, --chroma 444 or "
        "--codec av1"
    )


def _video_layout(
    chroma: str, bits: int, size: tuple[int, int], scale: int, info: SourceInfo
) -> tuple[Layout, ColorTags]:
    """Layout and color tags: a YUV source keeps its matrix, RGB becomes BT.709, RGB outputs stay RGB."""
    if chroma == "rgb":
        return Layout(*size, "rgb", bits), info.tags
    # Blocks of one color, as an even enlargement makes them, are averaged exactly when chroma is centered on them.
    siting = Siting.CENTER if scale % 2 == 0 else Siting.LEFT
    if info.layout.model == "yuv":
        return Layout(*size, "yuv", bits, _CHROMA_SHIFTS[chroma], info.layout.matrix, False, siting), info.tags
    unset = 2
    primaries = BT709_TAG if info.tags.primaries == unset else info.tags.primaries
    transfer = BT709_TAG if info.tags.transfer == unset else info.tags.transfer
    layout = Layout(*size, "yuv", bits, _CHROMA_SHIFTS[chroma], Matrix.BT709, False, siting)
    return layout, ColorTags(primaries, transfer)


def _options(name: str, codec: Codec, settings: Settings) -> dict[str, str]:
    """Encoder options, with ``--crf`` and ``--preset`` checked against what the codec knows."""
    options = dict(codec.options)
    if codec.crf is not None:
        low, high, default = codec.crf
        crf = default if settings.crf is None else settings.crf
        if not low <= crf <= high:
            raise UsageError(f"expected --crf between {low:g} and {high:g} for {name}, got {crf:g}")
        options["crf"] = f"{crf:g}"
    elif settings.crf is not None:
        raise UsageError(f"{name} has no --crf; drop it, or use --codec av1, hevc, h264 or vp9")
    if settings.preset and settings.preset not in codec.presets:
        known = ", ".join(codec.presets) or "none"
        raise UsageError(f"expected --preset of {name} to be one of {known}, got {settings.preset!r}")
    if codec.preset_option:
        options[codec.preset_option] = settings.preset or codec.preset
    return options
