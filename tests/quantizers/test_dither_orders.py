from __future__ import annotations

import pytest
import torch

from vdequant.quantizers import DITHER_KINDS
from vdequant.quantizers.dither_orders import PATTERNS, PERIODS, bayer_ranks, thresholds
from vdequant.quantizers.error_diffusion import KERNELS

CPU = torch.device("cpu")


def test_the_words_of_the_command_line_are_the_kinds_there_are() -> None:
    assert (*KERNELS, *PATTERNS) == DITHER_KINDS
    assert PERIODS.keys() == PATTERNS.keys()


def test_the_smallest_bayer_matrix_is_the_one_of_the_paper() -> None:
    assert bayer_ranks(2).tolist() == [[0, 2], [3, 1]]
    assert bayer_ranks(4)[0].tolist() == [0, 8, 2, 10]


@pytest.mark.parametrize("side", [2, 4, 8])
def test_every_rank_occurs_once(side: int) -> None:
    assert sorted(bayer_ranks(side).flatten().tolist()) == list(range(side * side))


@pytest.mark.parametrize("kind", PATTERNS)
def test_thresholds_average_to_a_half_and_leave_both_ends_out(kind: str) -> None:
    found = thresholds(kind, 64, 64, CPU)
    assert found.mean() == pytest.approx(0.5, abs=1e-6)
    assert found.min() > 0
    assert found.max() < 1


@pytest.mark.parametrize("kind", PATTERNS)
def test_patterns_begin_at_the_corner_and_repeat_after_their_period(kind: str) -> None:
    period = PERIODS[kind]
    found = thresholds(kind, 64 + period, 70, CPU)
    assert found.shape == (64 + period, 70)
    assert torch.equal(found[period:], found[:64])
    assert torch.equal(found[:, period:], found[:, : 70 - period])


def test_columns_are_the_same_in_every_line() -> None:
    found = thresholds("column", 4, 4, CPU)
    assert found.tolist() == [[0.25, 0.75, 0.25, 0.75]] * 4
