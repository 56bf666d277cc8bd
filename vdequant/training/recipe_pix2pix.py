"""The recipe of Pix2Pix-FQ and of its baseline: pictures in, safetensors, model card and loss curves out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from vdequant.errors import InputError
from vdequant.models.patchgan import PatchSpec
from vdequant.models.pix2pix import PUBLISHED, UnetSpec
from vdequant.models.pix2pix_weights import write_unet
from vdequant.quantizers.uniform import bits_after_cut
from vdequant.training.curves_pix2pix import draw_losses
from vdequant.training.data import SIDE, gradient, read_tiles, source_is_held
from vdequant.training.export import count_parameters, own_data, revision
from vdequant.training.loop_pix2pix import Losses, PixSettings, PixTrainer
from vdequant.training.pix2pix_pairs import FINEST, LEAST_CUT, Pairs
from vdequant.training.validation_pix2pix import gains

CHANNELS = {"pix2pix-fq": 2, "pix2pix": 3}  # of the networks: colors, or the whole picture
SHIPPED = UnetSpec(channels=2, width=48, downs=3, norm="none", dropout=0.0, residual=0.1)
SPECS = {"s": SHIPPED, "l": PUBLISHED}
PATCH_WIDTHS = {"s": 16, "l": 64}  # of the discriminators
SETTINGS = {
    "s": PixSettings(batch=8, side=64, rate=1e-3, l1_weight=1000.0, relative=True, fine_from=5 / 6, decay=0.995),
    "l": PixSettings(),
}
SMOKE = UnetSpec(channels=2, width=4, downs=3, dropout=0.0, residual=0.1)
SMOKE_STEPS = 60

CARD = """# {name}

The generator of {model}: a U-Net of {downs} halvings, width {width}, norm: {norm}, {parameters:,} parameters{residual}.
{what}

{data}
- **Degradation**: 12 to 22 bits of 24 are kept, spread over the channels at random; the others are dropped{finest}.
- **Training**: {steps:,} steps of {batch} crops of {side}x{side} in {seconds:,.0f} seconds on {device} (bf16
  autocast), Adam at {rate:g} with betas (0.5, 0.999), constant and then falling to zero; adversarial loss +
  {l1_weight:g} x L1{relative}; {average}. `vdequant train {model}`, source revision {revision}.
- **On {count} held-back tiles, not projected into the cells**, PSNR gain in dB and AB error as a share of the stored
  picture's, by share of the bits that are lost: {scores}.
"""
WHAT = {
    "pix2pix-fq": "It sees the colors of a picture, AB of LAB, and answers finer ones; luma is the source's own.",
    "pix2pix": "It sees RGB and answers RGB: the baseline that Pix2Pix-FQ is compared with.",
}


@dataclass(frozen=True, slots=True)
class PixOrder:
    """What to train.

    Attributes:
        model: "pix2pix-fq" or "pix2pix".
        folders: with full-color pictures; one source in 25 is held back for the card.
        size: "s", the shipped network, or "l", the published one.
        output: the safetensors file; the model card goes beside it, as .md.
        runs: folder of checkpoints, logs and loss curves; the run has a folder in it, named after ``output``.
        settings: of the loop.
        epochs: length of the schedule in passes over the tiles; 0: as the settings say.
        device: "cpu" or "cuda".
        threads: intra-op threads on a CPU.
    """

    model: str
    folders: tuple[Path, ...]
    size: str
    output: Path
    runs: Path
    settings: PixSettings
    epochs: int = 0
    device: str = "cpu"
    threads: int = 1


def _tiles(folders: Sequence[Path]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Those to learn from, and those held back."""
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        raise InputError(f"expected folders with pictures, got {', '.join(missing)}; give --data DIR")
    tiles, names = read_tiles(list(folders))
    held = [source_is_held(name) for name in names]
    learned = [tile for tile, apart in zip(tiles, held, strict=True) if not apart]
    if not learned:
        raise InputError(f"expected pictures of several sources, got {len(tiles)} tiles that are all held back")
    return learned, [tile for tile, apart in zip(tiles, held, strict=True) if apart]


def train(order: PixOrder, told: Callable[[PixTrainer, Losses], None] | None = None) -> PixTrainer:
    """Train or resume, and write weights, card and loss curves.

    Raises:
        InputError: when a folder or its pictures are missing.
    """
    torch.set_num_threads(order.threads)
    tiles, held = _tiles(order.folders)
    settings, channels = order.settings, CHANNELS[order.model]
    if order.epochs:
        settings = replace(settings, steps=order.epochs * -(-len(tiles) // settings.batch))
    spec = replace(SPECS[order.size], channels=channels)
    folder = order.runs / order.output.stem
    trainer = PixTrainer(
        spec, PatchSpec(channels, PATCH_WIDTHS[order.size]), settings, folder, torch.device(order.device)
    )
    fine_from = round(settings.fine_from * settings.steps) if settings.steps else None
    net = trainer.run(Pairs(tiles, channels, settings.side, settings.seed, fine_from), told).cpu()
    order.output.parent.mkdir(parents=True, exist_ok=True)
    write_unet(net, order.output)
    card = _card(order, trainer, held)
    order.output.with_suffix(".md").write_text(card, encoding="utf-8")
    if trainer.log.path.exists():
        weight = 1.0 if settings.relative else settings.l1_weight  # a relative L1 is about 1 already
        draw_losses([trainer.log.path], folder / "losses.png", weight)
    return trainer


def _later(settings: PixSettings) -> str:
    if not settings.steps or settings.fine_from >= 1:
        return ""
    kept = "-".join(map(str, bits_after_cut(LEAST_CUT)))
    return f". In the last {1 - settings.fine_from:.0%} of the steps {FINEST:.0%} of the crops keep {kept} bits"


def _card(order: PixOrder, trainer: PixTrainer, held: Sequence[np.ndarray]) -> str:
    spec, settings = trainer.average.spec, trainer.settings
    count, found = gains(trainer.average, held)
    scores = "; ".join(f"{level} % {gain:+.2f} dB, {share:.2f}" for level, (gain, share) in found.items())
    return CARD.format(
        name=order.output.stem,
        model=order.model,
        what=WHAT[order.model],
        downs=spec.downs,
        width=spec.width,
        norm=spec.norm,
        residual=f"; its answer, at most {spec.residual:g}, is added to its input" if spec.residual else "",
        relative=" in units of what each crop lost" if settings.relative else "",
        parameters=count_parameters(trainer.average),
        data=own_data(order.folders),
        steps=trainer.progress.steps,
        batch=settings.batch,
        side=settings.side,
        seconds=trainer.progress.seconds,
        device=trainer.device,
        rate=settings.rate,
        l1_weight=settings.l1_weight,
        average=f"moving average of the weights ({settings.decay:g})" if settings.decay else "the last weights",
        revision=revision(),
        count=count,
        scores=scores or "not measured",
        finest=_later(settings),
    )


def smoke(model: str, runs: Path) -> tuple[float, float]:
    """A training run of seconds on synthetic gradients, to see that everything fits together.

    Returns:
        The mean relative L1 loss of the first and of the last ten of 60 steps.
    """
    rng = np.random.default_rng(1)
    tiles = [gradient(rng, SIDE) for _ in range(4)]
    channels = CHANNELS[model]
    # relative, because the levels of two batches differ by more than a minute of training changes
    settings = PixSettings(steps=SMOKE_STEPS, batch=4, side=32, rate=2e-3, relative=True, log_every=10)
    spec = replace(SMOKE, channels=channels)
    losses: list[float] = []
    trainer = PixTrainer(spec, PatchSpec(channels, 4), settings, runs, torch.device("cpu"))
    trainer.run(Pairs(tiles, channels, settings.side, 1), lambda _, mean: losses.append(mean["g_l1"]))
    return losses[0], losses[-1]
