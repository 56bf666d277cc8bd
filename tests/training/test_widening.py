"""A network that starts from a smaller one answers what that one answered, and learns with all it has."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
import torch
from torch import nn

from vdequant.models.cellnet import Cellnet, CellnetSpec
from vdequant.models.jpegnet import Jpegnet, JpegnetSpec
from vdequant.training.widening import start_from

N = TypeVar("N", bound=nn.Module)
SMALLER = CellnetSpec(4, (1, 2), context=4)


def shaken(make: Callable[[], N]) -> N:
    """A network whose layers all answer something."""
    torch.manual_seed(5)
    net = make()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return net


def answer(net: Cellnet) -> torch.Tensor:
    stored = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    room = torch.full((2, 1, 24, 24), 0.05)
    facts = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    result: torch.Tensor = net(stored, stored - 0.1, stored + 0.1, room, torch.ones(2), facts)
    return result


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (SMALLER, SMALLER),
        (SMALLER, CellnetSpec(4, (1, 2, 1), context=4)),
        (SMALLER, CellnetSpec(6, (1, 2), context=4)),
        (SMALLER, CellnetSpec(4, (1, 2), context=9)),
        (CellnetSpec(4, (1,)), CellnetSpec(8, (1, 4, 2), context=6)),
    ],
    ids=["the same", "one block more", "wider", "a wider context", "all of it larger"],
)
def test_the_larger_network_answers_what_the_smaller_one_did(before: CellnetSpec, after: CellnetSpec) -> None:
    smaller = shaken(partial(Cellnet, before))
    torch.manual_seed(7)
    larger = Cellnet(after)
    start_from(larger, smaller)
    torch.testing.assert_close(answer(larger), answer(smaller), rtol=0, atol=1e-6)


def test_new_channels_get_gradients_at_the_first_step() -> None:
    larger = Cellnet(CellnetSpec(8, (1, 2), context=4))
    start_from(larger, shaken(partial(Cellnet, SMALLER)))
    answer(larger).square().mean().backward()
    listening = larger.tail.weight.grad
    assert listening is not None
    assert listening[:, 4:].abs().min(1).values.gt(0).any()


@pytest.mark.parametrize("spec", [CellnetSpec(3, (1, 2), context=4), CellnetSpec(4, (1,), context=4)])
def test_a_network_that_is_too_large_is_refused(spec: CellnetSpec) -> None:
    with pytest.raises(ValueError, match="expected"):
        start_from(Cellnet(spec), shaken(partial(Cellnet, SMALLER)))


def test_a_network_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="these are missing"):
        start_from(nn.Sequential(nn.Conv2d(3, 4, 3)), shaken(partial(Cellnet, SMALLER)))


@pytest.mark.parametrize(
    "after",
    [
        JpegnetSpec((4, 6), (1, 1)),
        JpegnetSpec((7, 6), (1, 1)),
        JpegnetSpec((4, 9), (1, 2)),
        JpegnetSpec((8, 8), (2, 3)),
    ],
    ids=["the same", "finer level wider", "coarser level wider and deeper", "all of it larger"],
)
def test_a_larger_u_net_answers_what_the_smaller_one_did(after: JpegnetSpec) -> None:
    smaller = shaken(partial(Jpegnet, JpegnetSpec((4, 6), (1, 1))))
    torch.manual_seed(7)
    larger = Jpegnet(after)
    start_from(larger, smaller)
    picture = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    steps = torch.full((2, 8, 8), 12.0)
    torch.testing.assert_close(larger(picture, steps, steps), smaller(picture, steps, steps), rtol=0, atol=1e-5)
