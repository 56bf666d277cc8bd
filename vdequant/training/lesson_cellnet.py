"""What a cellnet learns from: batches of a bank, a loss in units of the cell, and the gain on held-back pictures."""

from __future__ import annotations

from torch import Tensor, nn

from vdequant.models.cellnet import Cellnet
from vdequant.training.data import Bank, Batch, Sampler
from vdequant.training.loop import TrainSettings
from vdequant.training.validation import Validation

HALF_SHARE = 0.03  # of the squared half cell in the unit of the loss; palettes' cells are wide, their errors small
LEAST_KEPT = 0.05  # of a picture: fewer pixels do not weigh as much as a line of text
KEPT_WEIGHT = 0.25  # of how far pixels are moved whose stored value is the truth: letters, outlines, flat art


def cell_loss(answer: Tensor, batch: Batch) -> Tensor:
    """Squared error in units of the do-nothing error of each picture, so that every kind and depth weighs alike.

    A small part of the squared half cell is added to the unit: pictures that were stored without loss (flat art) would
    otherwise divide by zero, and this is how much a change of them counts.
    """
    squared = (answer - batch.truth).square().mean(dim=(1, 2, 3))
    nothing = (batch.stored - batch.truth).square().mean(dim=(1, 2, 3))
    half = ((batch.high - batch.low) / 2).square().mean(dim=(1, 2, 3))
    unit = (nothing + HALF_SHARE * half).clamp(min=1e-7)
    return (squared / unit + KEPT_WEIGHT * kept_error(answer, batch) / unit.sqrt()).mean()


def kept_error(answer: Tensor, batch: Batch) -> Tensor:
    """``(N,)``: mean distance over the pixels of palette pictures whose stored color is the truth to the last bit.

    Squares forgive small changes, and letters are a small part of a picture; eyes do not and look at letters first.
    Of levels nothing is counted: there most such pixels are true by chance.
    """
    kept = (batch.stored == batch.truth).all(dim=1, keepdim=True) & (batch.facts[:, 2] > 0)[:, None, None, None]
    kept = kept.to(answer.dtype)
    moved = (answer - batch.truth).abs().mean(dim=1, keepdim=True)
    return (moved * kept).sum(dim=(1, 2, 3)) / kept.sum(dim=(1, 2, 3)).clamp(min=LEAST_KEPT * moved[0].numel())


def loss_of(net: nn.Module, batch: Batch) -> Tensor:
    """:func:`cell_loss` of a cellnet's answer."""
    return cell_loss(net(batch.stored, batch.low, batch.high, batch.room, batch.spread, batch.facts), batch)


class CellnetLesson:
    """See :class:`~vdequant.training.loop.Lesson`.

    Args:
        bank: of tiles.
        subject: "all", or what alone is learned and scored: "levels" or "palettes".
    """

    def __init__(self, bank: Bank, subject: str = "all") -> None:
        self.bank = bank
        self.subject = subject
        self.sampler: Sampler | None = None
        self.validation: Validation | None = None

    def draw(self, settings: TrainSettings, number: int) -> Batch:
        """See :class:`~vdequant.training.loop.Lesson`."""
        self.sampler = self.sampler or Sampler(self.bank, settings.seed, settings.side, self.subject)
        return self.sampler.batch(settings.batch, number)

    def score(self, net: Cellnet) -> dict[str, float]:
        """See :class:`~vdequant.training.loop.Lesson`."""
        self.validation = self.validation or Validation(self.bank, self.subject)
        return self.validation.score(net)
