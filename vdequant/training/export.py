"""The model cards of trained weights: data, licence, steps, scores."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from vdequant.models.cellnet import Cellnet
from vdequant.training.data import Batch
from vdequant.training.loop import Trainer


def count_parameters(net: torch.nn.Module) -> int:
    """Number of trained values."""
    return sum(parameter.numel() for parameter in net.parameters())


CARD = """# {name}

One residual network at full resolution for {subject}: it is told each sample's cell (stored value, distance
down and up, room) and answers inside it; a gate keeps what was meant as it is. {parameters:,} parameters, {macs:,}
multiply-accumulates a pixel, receptive radius {radius} pixels.

{data}
- **Degradations**: {degradations}.
- **Training**: {before}{steps:,} steps of {batch} crops of {side}x{side} in {seconds:,.0f} seconds on {device} (bf16
  autocast), Muon and AdamW at {rate}, cosine, moving average of the weights. `vdequant train cellnet`, source
  revision {revision}.
- **Gain on held-back pictures**, in dB over the stored picture: {scores}.
- **Limits**: trained on cells of 1/64 and more; finer quantization is passed through nearly unchanged.
"""


LEVELS = """2..64 levels a channel and bit depths (3-3-2, 4-4-4, 5-5-5, 5-6-5, 6-6-6 and others) in the
  replicate, shift, floor and center expansions; x264 and JPEG after a 3- to 6-bit quantizer; synthetic gradients"""
PALETTES = """palettes of 4..256 colors by median cut, k-means, octree and fixed levels, plain and dithered
  (Floyd-Steinberg; Bayer 2, 4 and 8, checkerboard, column, blue noise; lists of colors and offsets in Bayer's order,
  either way round), crops in the fixed colors of machines or in 2 to 6 levels a channel, and crops of which each
  channel was dithered to 2 to 22 levels by itself (Floyd-Steinberg, Atkinson, Jarvis, Bayer, checkerboard), a share of
  them with text over them that stays; made-up screens of pixel art as their own truth, so that flat art is left
  alone"""
CODEC = """x264, x265, VP9 and MPEG-4 from visually lossless to coarse, mostly 4:2:0 with chroma centered, left or
  top left, as short clips that stand still or move, of pictures as they are, in few colors, quantized to 4 to 6 bits,
  with noise, or with grain that is truth; photographs whose color lies up to 0.8 pixels beside luma; made-up screens of
  pixel art; synthetic gradients"""
HALFTONES = """2 to 8 levels, mostly black and white or 4 grays, also of each channel, dithered by
  Floyd-Steinberg (one way and serpentine), Atkinson, Jarvis, Stucki, Burkes, Sierra's three and one, Bayer 2, 4 and 8
  either way round, checkerboard, blue and white noise; dithered crops in the colors of machines; a share with text
  over them that stays; synthetic gradients; made-up screens of pixel art in such levels and colors as their own
  truth"""
# subject -> what the network is for, and what it learned
SUBJECTS = {
    "all": ("every quantizer", f"{LEVELS};\n  {PALETTES}"),
    "levels": ("levels and what codecs make of them", LEVELS),
    "palettes": ("palettes and dither", PALETTES),
    "codec": ("what video codecs leave of a picture that was not quantized much", CODEC),
    "halftones": ("dither between few levels, of gray or of each channel, and between few coarse colors", HALFTONES),
}


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What only the person who trains can say.

    Attributes:
        name: of the weights.
        data: Markdown list lines on the licence and the training pictures.
        before: a sentence on weights that the run started from, or empty.
        subject: a key of SUBJECTS.
    """

    name: str
    data: str
    before: str = ""
    subject: str = "all"


def own_data(folders: Sequence[Path]) -> str:
    """The line of a card on pictures of which only the user knows more."""
    names = ", ".join(str(folder) for folder in folders)
    return f"- **Training pictures and licence**: those of {names}; the weights inherit what their licence asks."


def revision() -> str:
    """The git revision of the source tree, or the version where there is none."""
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return _installed()
    return done.stdout.strip()


def _installed() -> str:
    try:
        return f"of version {version('vdequant')}"
    except PackageNotFoundError:
        return "unknown"


def run_facts(trainer: Trainer[Any, Any]) -> dict[str, object]:
    """What every card tells of a run, by the name of its place in the card."""
    best = {kind: score for kind, score in trainer.best.items() if kind not in ("mean", "steps")}
    return {
        "parameters": count_parameters(trainer.average),
        "steps": trainer.steps,
        "batch": trainer.settings.batch,
        "side": trainer.settings.side,
        "seconds": trainer.seconds,
        "device": trainer.device,
        "rate": trainer.settings.rate,
        "revision": revision(),
        "scores": ", ".join(f"{kind} {score:+.2f}" for kind, score in best.items()) or "not measured",
    }


def model_card(facts: CardFacts, trainer: Trainer[Cellnet, Batch]) -> str:
    """The Markdown card of a trained cellnet."""
    spec = trainer.net.spec
    subject, degradations = SUBJECTS[facts.subject]
    return CARD.format(
        name=facts.name,
        data=facts.data,
        before=facts.before,
        subject=subject,
        degradations=degradations,
        macs=spec.macs,
        radius=spec.radius,
        **run_facts(trainer),
    )
