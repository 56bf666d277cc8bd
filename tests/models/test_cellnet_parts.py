"""A cellnet that is run in parts gives what it gives as a whole: pictures with padding, and windows without."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vdequant.models.cellnet import FEATURES, LARGE, MEDIUM, SMALL, Cellnet, CellnetSpec
from vdequant.models.cellnet_parts import parts_of, run_part

SPECS = [SMALL, CellnetSpec(16, (1, 2)), CellnetSpec(16, (2, 1, 1, 3, 1, 1))]
HEIGHT, WIDTH = 64, 72
FACTS = torch.tensor([[0.0, 1.0, 0.0]])


def lively(spec: CellnetSpec) -> Cellnet:
    """A network in which no layer is zero."""
    torch.manual_seed(3)
    net = Cellnet(spec)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def features(seed: int = 0) -> Tensor:
    x = torch.randn(1, FEATURES, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed))
    return x.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("spec", SPECS)
def test_the_parts_see_as_far_and_cost_as_much_as_the_network(spec: CellnetSpec) -> None:
    parts = parts_of(spec)
    assert sum(part.halo for part in parts) == spec.radius
    assert sum(each for part in parts for each, _ in part.layers) == spec.macs
    assert all(part.layers[-1][1] == 0 for part in parts if part.layers)


def test_a_network_with_a_context_branch_is_not_cut() -> None:
    assert parts_of(MEDIUM) == parts_of(LARGE) == ()


@pytest.mark.parametrize("spec", SPECS)
def test_all_parts_of_a_whole_picture_are_the_network_to_the_last_bit(spec: CellnetSpec) -> None:
    net, x = lively(spec), features()
    with torch.inference_mode():
        whole = net.residual(x, FACTS)
        for index in range(1, len(parts_of(spec))):
            x = run_part(net, index, x, FACTS, None)
    assert torch.equal(x, whole)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("place", [(0, 0), (20, 24), (0, 24), (HEIGHT - 16, WIDTH - 24)])
def test_windows_that_go_beyond_the_picture_are_right_when_what_lies_there_is_blanked(
    spec: CellnetSpec, place: tuple[int, int]
) -> None:
    net, x, (top, left) = lively(spec), features(), place
    for index, part in enumerate(parts_of(spec)[1:], start=1):
        with torch.inference_mode():
            whole = run_part(net, index, x, FACTS, None)
            padded = torch.nn.functional.pad(x, (part.halo,) * 4)
            window = padded[..., top : top + 16 + 2 * part.halo, left : left + 24 + 2 * part.halo]

            def blank(planes: Tensor, margin: int) -> None:
                inside = torch.zeros(planes.shape[-2:], dtype=torch.bool)
                rows = slice(max(0, margin - top), margin + HEIGHT - top)
                inside[rows, max(0, margin - left) : margin + WIDTH - left] = True
                planes.mul_(inside)

            batch = torch.cat([window, window]).contiguous(memory_format=torch.channels_last)
            answer = run_part(net, index, batch, FACTS, blank)
        # To the last bit in the shipped network, see test_reusing; libraries sum other layers in another order.
        torch.testing.assert_close(answer[:1], whole[..., top : top + 16, left : left + 24], rtol=1e-5, atol=1e-5)
        x = whole
