#!/usr/bin/env python3
"""Make everything in samples/ again, from fixed seeds: ``python scripts/make_samples.py [FOLDER]``."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image
from sample_scene import DUSK, MORNING, Scene

RATE = Fraction(39375000, 655171)  # 60.0988 frames a second, as a Super Nintendo's
COUNT = 48
SOUND_RATE = 48000
LIMIT = 1_000_000  # bytes a file
NOTES = (523.25, 659.25, 783.99, 1046.5)  # C, E, G, C


def codes(picture: np.ndarray) -> np.ndarray:
    """``(H, W, 3)`` uint8 from values in [0, 1]."""
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def five_bits(picture: np.ndarray) -> np.ndarray:
    """The nearest of 32 levels a channel, expanded by repeating bits: what 15-bit consoles show."""
    level = (picture * 31 + 0.5).astype(np.uint8)
    return level << 3 | level >> 2


def eight_levels(picture: np.ndarray) -> np.ndarray:
    """8 equal cells a channel, each stored as its center."""
    cell = np.minimum(np.floor(picture * 8), 7)
    return np.round((cell + 0.5) / 8 * 255).astype(np.uint8)


def sixteen_colors(pictures: list[np.ndarray]) -> list[Image.Image]:
    """One median-cut palette of 16 colors for all, Floyd-Steinberg dithered."""
    together = Image.fromarray(np.concatenate(pictures[:: max(1, len(pictures) // 4)]))
    palette = together.quantize(16, method=Image.Quantize.MEDIANCUT)
    return [Image.fromarray(p).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for p in pictures]


def melody() -> np.ndarray:
    """Four soft notes, ``(1, samples)`` int16, as long as the clip."""
    total = round(COUNT / RATE * SOUND_RATE)
    time = np.arange(total) / SOUND_RATE
    part = total // len(NOTES)
    pitch = np.repeat(NOTES, part + 1)[:total]
    since = np.arange(total) % (part + 1) / SOUND_RATE
    wave = np.sin(2 * np.pi * pitch * time) * np.exp(-since * 9) * np.minimum(since * 400, 1)
    return (wave * 9000).astype(np.int16)[None]


def write_clip(
    path: Path, pictures: list[np.ndarray], codec: str, pixels: str, sound: str, options: dict[str, str]
) -> None:
    """Encode ``(H, W, 3)`` uint8 pictures at RATE, with the melody as ``sound`` unless that is empty."""
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        picture = container.add_stream(codec, rate=RATE, options=options | {"threads": "1"})
        picture.height, picture.width = pictures[0].shape[:2]
        picture.pix_fmt = pixels
        picture.codec_context.time_base = 1 / RATE
        if pixels.startswith("yuv"):
            picture.codec_context.colorspace, picture.codec_context.color_range = 6, 1  # BT.601, 16..235
        beep = container.add_stream(sound, rate=SOUND_RATE, layout="mono") if sound else None
        for i, values in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(values, format="rgb24")
            if pixels.startswith("yuv"):
                frame = frame.reformat(format=pixels, dst_colorspace="ITU601", interpolation="BICUBIC")
            else:
                frame = frame.reformat(format=pixels)
            frame.pts, frame.time_base = i, 1 / RATE
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        if beep is not None:
            _encode_sound(container, beep)


def _encode_sound(container: av.container.OutputContainer, stream: av.AudioStream) -> None:
    resampler = av.AudioResampler(stream.format, "mono", SOUND_RATE, frame_size=stream.frame_size or 4096)
    sound = av.AudioFrame.from_ndarray(melody(), format="s16", layout="mono")
    sound.sample_rate, sound.pts = SOUND_RATE, 0
    for frame in (*resampler.resample(sound), *resampler.resample(None)):
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def make_clips(folder: Path) -> None:
    """The moving scene: in full color, in 15 bits, in 16 colors, and as an upload of the 15-bit one."""
    scene = Scene(256, 224, DUSK)
    pictures = [scene.frame(i) for i in range(COUNT)]
    coarse = [five_bits(p) for p in pictures]
    lossless = {"qp": "0", "preset": "slow"}  # a third of FFV1's size here, since most of the picture only moves
    write_clip(folder / "scene_truth.mkv", [codes(p) for p in pictures], "libx264rgb", "rgb24", "", lossless)
    write_clip(folder / "scene_555.mkv", coarse, "libx264rgb", "rgb24", "flac", lossless)
    write_clip(folder / "scene_h264.mp4", coarse, "libx264", "yuv420p", "aac", {"crf": "18"})
    first, *rest = sixteen_colors([codes(p) for p in pictures[::2]])
    first.save(folder / "scene_16.gif", save_all=True, append_images=rest, duration=40, loop=0, optimize=False)


def make_stills(folder: Path) -> None:
    """A picture in full color, in 16 dithered colors, in black and white, in 8 levels; and six numbered frames."""
    still = Scene(320, 200, MORNING).frame(0, hud=False)
    Image.fromarray(codes(still)).save(folder / "still_truth.png", optimize=True)
    Image.fromarray(eight_levels(still)).save(folder / "still_m8.png", optimize=True)
    sixteen_colors([codes(still)])[0].save(folder / "still_16.png", optimize=True, bits=4)
    # Floyd-Steinberg's, as Pillow has it
    Image.fromarray(codes(still)).convert("1").save(folder / "still_bw.png", optimize=True)
    (folder / "frames").mkdir(exist_ok=True)
    small = Scene(128, 112, DUSK)
    for i in (1, 2, 3, 8, 9, 10):
        Image.fromarray(five_bits(small.frame(i * 3, hud=False))).save(folder / f"frames/frame_{i}.png", optimize=True)


def main(argv: list[str]) -> int:
    """Make all samples and print the size and the sum of each."""
    folder = Path(argv[0]) if argv else Path(__file__).resolve().parents[1] / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    steps: tuple[Callable[[Path], None], ...] = (make_clips, make_stills)
    for step in steps:
        step(folder)
    made = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".md")
    for path in made:
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_size:8} {path.relative_to(folder)}")
    return int(any(path.stat().st_size > LIMIT for path in made))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
