"""What a cellnet learns of halftones: crops of dithered tiles, a loss in decibels, gains on held-back pictures."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from vdequant.models.cellnet import Cellnet
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.threshold import ThresholdQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.training.data import Bank, Batch, Sample, Sampler, sample_of, to_tensor
from vdequant.training.halftones import TEXT_SHARE
from vdequant.training.loop import TrainSettings
from vdequant.training.machines import machine_colors, machine_record
from vdequant.training.screens import flat_record, with_text
from vdequant.training.validation import Case, Validation

MACHINE_SHARE = 0.25  # of the crops are in a machine's colors, told as palettes are: see mean_cells.evened
FLAT_SHARE = 0.1  # of the crops are flat art, its own truth
FLOOR = 1e-4  # squared error, 40 dB: flat art that is left alone must not outweigh all else
KEPT_WEIGHT = 4.0  # of pixels whose stored value is meant, as of letters: they are few, and looked at first
MOST = 24  # held-back pictures that are looked at
# (name, quantizer, whether of the gray picture): all of them of each held-back picture
SCORED = (
    ("black and white fs", DitherQuantizer(ThresholdQuantizer(), "fs"), True),
    ("black and white atkinson", DitherQuantizer(ThresholdQuantizer(), "atkinson"), True),
    ("black and white bayer8", DitherQuantizer(ThresholdQuantizer(), "bayer8"), True),
    ("4 grays fs", DitherQuantizer(UniformQuantizer.of_levels(4), "fs"), True),
    ("8 colors fs", DitherQuantizer(UniformQuantizer.of_levels(2), "fs"), False),
    ("64 colors bayer4", DitherQuantizer(UniformQuantizer.of_levels(4), "bayer4"), False),
)


def halftone_loss(answer: Tensor, batch: Batch) -> Tensor:
    """The mean over the pictures of the logarithm of the squared error.

    In units of what doing nothing leaves, as for other palettes, black and white would hardly count: there that is a
    hundred times what a good answer leaves, and of a picture in four colors ten times.
    """
    meant = (batch.stored == batch.truth).all(dim=1, keepdim=True).to(answer.dtype)
    # Of a halftone most true pixels are so by chance: only whole surroundings of them are meant.
    meant = -nn.functional.max_pool2d(-meant, 3, stride=1, padding=1)
    squared = (answer - batch.truth).square() * (1 + (KEPT_WEIGHT - 1) * meant)
    return (squared.mean(dim=(1, 2, 3)) + FLOOR).log().mean()


def loss_of(net: nn.Module, batch: Batch) -> Tensor:
    """:func:`halftone_loss` of a cellnet's answer."""
    return halftone_loss(net(batch.stored, batch.low, batch.high, batch.room, batch.spread, batch.facts), batch)


class HalftoneSampler(Sampler):
    """Cuts batches from the records of a bank of halftones and from its flat art; crops in machines' colors are new."""

    def _one(self) -> Sample:
        if self.tiles and self.rng.random() < MACHINE_SHARE:
            return self._dithered_machine()
        if self.bank.flat and self.rng.random() < FLAT_SHARE:
            record = self.bank.flat[int(self.rng.integers(len(self.bank.flat)))]
            return sample_of(self._cut(record, self._corner()), None)
        number, record = self.palettes[int(self.rng.integers(len(self.palettes)))]
        corner = self._corner()
        return sample_of(self._cut(record, corner), self._crop(self.bank.tiles[number], corner))

    def _dithered_machine(self) -> Sample:
        if self.rng.random() < FLAT_SHARE:
            return self._palette(replace(flat_record(self.rng, machine_colors(self.rng)), dithered=True), None)
        tile = self.bank.tiles[self.tiles[int(self.rng.integers(len(self.tiles)))]]
        truth = np.ascontiguousarray(self._crop(tile, self._corner()))
        record = machine_record(truth, self.rng)
        while not record.dithered:
            record = machine_record(truth, self.rng)
        text = self.rng.random() < TEXT_SHARE
        return sample_of(with_text(record, self.rng) if text else record, truth)


class HalftoneValidation(Validation):
    """A fixed set of held-back pictures, each dithered in all ways of SCORED."""

    def __init__(self, bank: Bank) -> None:
        half = len(bank.tiles) // 2  # gray ones come after those in color
        held = [i for i in sorted(bank.held) if i < half]
        self.cases: list[Case] = []
        for number in held[:: max(1, math.ceil(len(held) / MOST))]:
            for name, quantizer, is_gray in SCORED:
                truth = to_tensor(bank.tiles[number + half * is_gray])[None]
                self.cases.append(Case(name, truth, quantizer.quantize(truth), quantizer))


class HalftoneLesson:
    """See :class:`~vdequant.training.loop.Lesson`.

    Args:
        bank: of :func:`~vdequant.training.halftones.halftone_bank`.
    """

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.sampler: HalftoneSampler | None = None
        self.validation: HalftoneValidation | None = None

    def draw(self, settings: TrainSettings, number: int) -> Batch:
        """See :class:`~vdequant.training.loop.Lesson`."""
        self.sampler = self.sampler or HalftoneSampler(self.bank, settings.seed, settings.side, "palettes")
        return self.sampler.batch(settings.batch, number)

    @torch.no_grad()
    def score(self, net: Cellnet) -> dict[str, float]:
        """See :class:`~vdequant.training.loop.Lesson`."""
        self.validation = self.validation or HalftoneValidation(self.bank)
        return self.validation.score(net)
