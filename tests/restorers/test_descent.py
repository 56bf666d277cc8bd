"""Going downhill: the published step by hand, the quick one on a bowl, rows apart from each other."""

from __future__ import annotations

import pytest
import torch

from vdequant.restorers.descent import DESCENTS, Adam, NormalizedMomentum


def bowl(x: torch.Tensor) -> torch.Tensor:
    return 2 * (x - torch.tensor([3.0, -1.0])) * torch.tensor([1.0, 10.0])


def test_the_published_step_has_a_gradient_of_length_one() -> None:
    z, k = torch.zeros(1, 2), torch.zeros(1, 1)
    descent = NormalizedMomentum(rate=0.1, momentum=0.9)
    gradients = [torch.tensor([[2.0, 1.0]]), torch.tensor([[2.0]])]  # of length 3
    descent.step([z, k], gradients)
    torch.testing.assert_close(z, -0.1 * 0.1 * torch.tensor([[2.0, 1.0]]) / 3)
    torch.testing.assert_close(k, -0.1 * 0.1 * torch.tensor([[2.0]]) / 3)
    descent.step([z, k], gradients)
    torch.testing.assert_close(k, -0.1 * (0.1 + 0.19) * torch.tensor([[2.0]]) / 3)


def test_a_published_step_never_gets_longer_than_its_rate() -> None:
    z = torch.zeros(1, 3)
    descent = NormalizedMomentum(rate=0.1, momentum=0.9)
    for _ in range(200):
        before = z.clone()
        descent.step([z], [torch.tensor([[5.0, 0.0, 1.0]])])
    assert (z - before).norm() == pytest.approx(0.1, rel=1e-3)


def test_adam_reaches_the_bottom_of_a_bowl() -> None:
    x = torch.zeros(1, 2)
    descent = Adam(rate=0.2)
    for i in range(200):
        descent.step([x], [bowl(x)], 1 - i / 200)
    torch.testing.assert_close(x, torch.tensor([[3.0, -1.0]]), atol=0.02, rtol=0)


@pytest.mark.parametrize("name", DESCENTS)
def test_rows_move_on_their_own(name: str) -> None:
    together, alone = torch.tensor([[0.0, 0.0], [9.0, 4.0]]), torch.tensor([[9.0, 4.0]])
    pair, single = DESCENTS[name](0.1), DESCENTS[name](0.1)
    for _ in range(5):
        pair.step([together], [bowl(together)])
        single.step([alone], [bowl(alone)])
    assert torch.equal(together[1:], alone)
