"""The recipe of the network behind "dequantizernet+": pictures in, safetensors and model card out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from vdequant.errors import UsageError
from vdequant.models.jpegnet import SHIPPED, Jpegnet, JpegnetSpec
from vdequant.models.jpegnet_weights import read_jpegnet, write_jpegnet
from vdequant.training.data import SIDE, gradient
from vdequant.training.export import own_data, run_facts
from vdequant.training.jpeg_pairs import JpegBatch
from vdequant.training.lesson_jpeg import JpegLesson, loss_of
from vdequant.training.loop import Trainer, TrainSettings
from vdequant.training.parallel import join, leave

JpegTrainer = Trainer[Jpegnet, JpegBatch]
SMOKE = JpegnetSpec((8, 8), (1, 1))
CARD = """# {name}

A U-Net that is told the JPEG's quantization tables and block grid, or nothing (zeros), and proposes the picture before
JPEG. {parameters:,} parameters (half precision), {macs:,} multiply-accumulates a pixel, receptive radius at most
{radius} pixels.

{data}
- **Degradations**: libjpeg at qualities 1 to 95, mostly 5 to 60; chroma 4:2:0 (72 %), 4:4:4 and 4:2:2; 12 % of the
  crops with tables of other shapes; 10 % without being told tables and grid.
- **Training**: {before}{steps:,} steps of {batch} crops of {side}x{side} in {seconds:,.0f} seconds on {device}
  (bf16 autocast), Muon and AdamW at {rate}, cosine, moving average of the weights. `vdequant train
  dequantizernet+`, source revision {revision}.
- **Gain on held-back pictures**, in dB over JPEG's own decode, before projection into the cells: {scores}.
- **Limits**: 8-bit baseline tables; pictures that were compressed more than once were not trained on.
"""


@dataclass(frozen=True, slots=True)
class JpegOrder:
    """What to train.

    Attributes:
        folders: with full-color pictures.
        output: the safetensors file; the model card goes beside it, as .md.
        runs: folder of checkpoints and logs.
        settings: of the loop.
        device: "cpu" or "cuda".
        threads: intra-op threads on a CPU.
        card: lines of the model card on licence and data; None names the folders.
        spec: size of the network.
        init: weights to start from; they may be of a smaller network.
        before: a sentence of the card on the weights that the run starts from.
    """

    folders: tuple[Path, ...]
    output: Path
    runs: Path
    settings: TrainSettings
    device: str = "cpu"
    threads: int = 1
    card: str | None = None
    spec: JpegnetSpec = SHIPPED
    init: Path | None = None
    before: str = ""


def _begin(trainer: JpegTrainer, init: Path) -> None:
    """Take the weights of a file, if ``trainer`` has a network that can answer what they do."""
    net = read_jpegnet(init)
    try:
        trainer.start_from(net)
    except ValueError as error:
        raise UsageError(f"expected --init of a network that is no larger than {trainer.net.spec}, got {net.spec} in "
                         f"{init}; leave it out") from error  # fmt: skip


def train_jpegnet(order: JpegOrder, told: Callable[[JpegTrainer, float], None] | None = None) -> JpegTrainer:
    """Train or resume, and write weights and card.

    Raises:
        InputError: when the folders hold no picture of at least 256x256.
        UsageError: when the weights to start from are of a larger network.
    """
    torch.set_num_threads(order.threads)
    order.runs.mkdir(parents=True, exist_ok=True)
    device = torch.device(order.device)
    ranks = join(device)
    try:
        folder = order.runs / "dequantizernet-plus"
        trainer: JpegTrainer = Trainer(lambda: Jpegnet(order.spec), loss_of, order.settings, folder, device, ranks)
        if order.init is not None and trainer.steps == 0:
            _begin(trainer, order.init)
        trainer.run(JpegLesson.of_folders(list(order.folders)), told)
        if ranks.first:
            order.output.parent.mkdir(parents=True, exist_ok=True)
            write_jpegnet(trainer.average, order.output)
            order.output.with_suffix(".md").write_text(_card(order, trainer))
    finally:
        leave()
    return trainer


def smoke(runs: Path) -> tuple[float, float]:
    """A training run of seconds on synthetic gradients.

    Returns:
        The loss of one batch, which is not trained on, before and after 60 steps.
    """
    rng = np.random.default_rng(1)
    lesson = JpegLesson.of_tiles([gradient(rng, SIDE) for _ in range(4)])
    settings = TrainSettings(steps=60, batch=8, side=32, rate=2e-3, log_every=10, validate_every=0)
    unseen = lesson.draw(replace(settings, batch=32), 0)
    trainer: JpegTrainer = Trainer(lambda: Jpegnet(SMOKE), loss_of, settings, runs, torch.device("cpu"))
    before = float(loss_of(trainer.net, unseen).detach())
    return before, float(loss_of(trainer.run(lesson), unseen).detach())


def _card(order: JpegOrder, trainer: JpegTrainer) -> str:
    return CARD.format(
        name=order.output.stem,
        data=order.card or own_data(order.folders),
        macs=order.spec.macs,
        radius=order.spec.radius,
        before=f"{order.before} Then " if order.before else "",
        **run_facts(trainer),
    )
