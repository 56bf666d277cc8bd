"""The recipe of cellnet: pictures in, safetensors and model card out; ``vdequant train cellnet``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from vdequant.errors import InputError, UsageError
from vdequant.models.cellnet import LARGE, MEDIUM, SMALL, Cellnet, CellnetSpec
from vdequant.models.cellnet_weights import read_cellnet, write_cellnet
from vdequant.training.bank_file import fingerprint, load_bank, save_bank
from vdequant.training.data import SIDE, Bank, Batch, build_bank, gradient, palettes_of
from vdequant.training.export import CardFacts, model_card, own_data
from vdequant.training.halftones import halftone_bank
from vdequant.training.lesson_cellnet import CellnetLesson, loss_of
from vdequant.training.lesson_codec import CodecLesson
from vdequant.training.lesson_codec import loss_of as codec_loss_of
from vdequant.training.lesson_halftone import HalftoneLesson
from vdequant.training.lesson_halftone import loss_of as halftone_loss_of
from vdequant.training.loop import Lesson, Trainer, TrainSettings
from vdequant.training.parallel import Ranks, join, leave

SIZES: dict[str, CellnetSpec] = {"s": SMALL, "m": MEDIUM, "l": LARGE}
SMOKE = CellnetSpec(8, (1,))
SMOKE_STEPS = 60
# What is made beforehand for each subject: palette records for each tile, share of the tiles behind a codec
MADE = {"all": (2, 0.25), "levels": (0, 0.25), "palettes": (4, 0.0)}
CODEC, HALFTONES = "codec", "halftones"  # the subjects with pairs and losses of their own
LOSSES = {CODEC: codec_loss_of, HALFTONES: halftone_loss_of}
SUBJECTS = (*MADE, CODEC, HALFTONES)
CellnetTrainer = Trainer[Cellnet, Batch]


@dataclass(frozen=True, slots=True)
class Order:
    """What to train.

    Attributes:
        folders: with full-color pictures.
        size: "s", "m" or "l".
        output: the safetensors file; the model card goes beside it, as .md.
        runs: folder of checkpoints, logs and the cached training set.
        settings: of the loop.
        device: "cpu" or "cuda".
        threads: intra-op threads on a CPU.
        init: weights to start from.
        card: lines of the model card on licence and data; None names the folders.
        before: a sentence of the card on the weights that the run starts from.
        subject: a key of SUBJECTS: "all", or what alone is learned (shipped cellnets have a network for each).
    """

    folders: tuple[Path, ...]
    size: str
    output: Path
    runs: Path
    settings: TrainSettings
    device: str = "cpu"
    threads: int = 1
    init: Path | None = None
    card: str | None = None
    before: str = ""
    subject: str = "all"


def _check_folders(folders: Sequence[Path]) -> None:
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        raise InputError(f"expected folders with pictures, got {', '.join(missing)}; give --data DIR")


def _bank(folders: Sequence[Path], runs: Path, subject: str, ranks: Ranks) -> Bank:
    """The training set of these pictures from its cache, or made, and cached by the first process."""
    _check_folders(folders)
    cache = runs / f"bank-{subject}-{fingerprint(folders)}.pt"
    if cache.exists():
        return load_bank(cache)
    if subject == HALFTONES:
        bank = halftone_bank(list(folders), seed=1)
    else:
        palettes, lossy = MADE[subject]
        bank = build_bank(list(folders), seed=1, palettes_per_tile=palettes, lossy_share=lossy)
    if ranks.first:
        save_bank(bank, cache)
    return bank


def _lesson(order: Order, ranks: Ranks) -> Lesson[Cellnet, Batch]:
    if order.subject == CODEC:
        _check_folders(order.folders)
        return CodecLesson.of_folders(list(order.folders), order.runs)
    bank = _bank(order.folders, order.runs, order.subject, ranks)
    return HalftoneLesson(bank) if order.subject == HALFTONES else CellnetLesson(bank, order.subject)


def cellnet_trainer(
    spec: CellnetSpec,
    settings: TrainSettings,
    folder: Path,
    device: torch.device,
    ranks: Ranks | None = None,
    subject: str = "all",
) -> CellnetTrainer:
    """A trainer of a cellnet, with what ``folder`` holds of its run."""
    loss = LOSSES.get(subject, loss_of)
    return Trainer(partial(Cellnet, spec), loss, settings, folder, device, ranks)


def _beginning(init: Path, spec: CellnetSpec) -> Cellnet:
    """The network of a file, after checking that one of ``spec`` can answer what it does."""
    net = read_cellnet(init)
    known = net.spec.dilations
    if spec.dilations[: len(known)] != known or net.spec.channels > spec.channels or net.spec.context > spec.context:
        raise UsageError(f"expected --init of a cellnet that is no larger than {spec} and begins alike, "
                         f"got {net.spec} in {init}; leave it out or choose another --network")  # fmt: skip
    return net


def check_torch() -> None:
    """Training needs Muon; restoring does not."""
    if not hasattr(torch.optim, "Muon"):
        raise UsageError(f"training needs torch 2.9 or newer, got {torch.__version__}; pip install -U torch")


def train(order: Order, told: Callable[[CellnetTrainer, float], None] | None = None) -> CellnetTrainer:
    """Train or resume, and write weights and card.

    Raises:
        InputError: when a folder or its pictures are missing.
        UsageError: when torch is too old.
    """
    check_torch()
    torch.set_num_threads(order.threads)
    order.runs.mkdir(parents=True, exist_ok=True)
    device = torch.device(order.device)
    ranks = join(device)
    try:
        half = "" if order.subject == "all" else f"-{order.subject}"  # or one half would go on where the other ended
        folder = order.runs / f"cellnet-{order.size}{half}"
        spec = replace(SIZES[order.size], video=order.subject == CODEC)
        trainer = cellnet_trainer(spec, order.settings, folder, device, ranks, order.subject)
        if order.init is not None and trainer.steps == 0:
            trainer.start_from(_beginning(order.init, trainer.net.spec))
        trainer.run(_lesson(order, ranks), told)
        if ranks.first:
            order.output.parent.mkdir(parents=True, exist_ok=True)
            write_cellnet(trainer.average, order.output)
            card = order.card or own_data(order.folders)
            facts = CardFacts(order.output.stem, card, order.before, order.subject)
            order.output.with_suffix(".md").write_text(model_card(facts, trainer))
    finally:
        leave()
    return trainer


def smoke(runs: Path) -> tuple[float, float]:
    """A training run of seconds on synthetic gradients, to see that everything fits together.

    Returns:
        The mean loss of the first and of the last ten of 60 steps.
    """
    check_torch()
    rng = np.random.default_rng(1)
    tiles = [gradient(rng, SIDE) for _ in range(4)]
    palettes = palettes_of(tiles, rng)
    bank = Bank(tiles, palettes, [(i, tile) for i, tile in enumerate(tiles)], [record for _, record in palettes])
    settings = TrainSettings(steps=SMOKE_STEPS, batch=8, side=32, rate=5e-3, log_every=10, validate_every=0)
    losses: list[float] = []
    trainer = cellnet_trainer(SMOKE, settings, runs, torch.device("cpu"))
    trainer.run(CellnetLesson(bank), lambda _, loss: losses.append(loss))
    return losses[0], losses[-1]
