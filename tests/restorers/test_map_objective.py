"""The objective of *map* against a hand computation, its slopes against finite differences."""

from __future__ import annotations

import math

import pytest
import torch

from vdequant.models.prior import Critic, PriorSpec
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.threshold import GrayQuantizer, ThresholdQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.unknown_threshold import UnknownThreshold
from vdequant.restorers.map_objective import SMALLEST, MapObjective, YehObjective
from vdequant.restorers.map_transforms import Identity, Inside, Soft, SoftUnknown, Transform, threshold, transform_of

PALETTE = torch.tensor([[0.1, 0.2, 0.3], [0.9, 0.4, 0.5], [0.3, 0.8, 0.6]])


def log_of(squared: float, count: int) -> float:
    return count * math.log(squared + count * SMALLEST)


def test_levels_against_a_hand_computation() -> None:
    # one pixel, m = 2: levels 0.25 and 0.75, distances counted in levels of 0.5
    x, k = [0.3, 0.6, 0.9], 3.0
    soft = []
    for value in x:
        weights = [math.exp(-k * ((value - level) / 0.5) ** 2) for level in (0.25, 0.75)]
        soft.append((0.25 * weights[0] + 0.75 * weights[1]) / sum(weights))
    squared = sum((y - t) ** 2 for y, t in zip((0.25, 0.75, 0.75), soft, strict=True))
    z = torch.tensor([[1.0, -2.0]])
    stored, made = torch.tensor([0.25, 0.75, 0.75]).view(1, 3, 1, 1), torch.tensor(x).view(1, 3, 1, 1)
    objective = MapObjective(transform_of(UniformQuantizer.of_levels(2)))
    found = objective(made, z, torch.tensor([[math.log(k)]]), stored)
    assert found.item() == pytest.approx(log_of(squared, 3) + 5.0, rel=1e-5)


@pytest.mark.parametrize("known", [True, False])
def test_a_threshold_against_a_hand_computation(known: bool) -> None:
    x, k, delta = [0.3, 0.6, 0.9], 7.0, 0.4
    level = 0.2126 * x[0] + 0.7152 * x[1] + 0.0722 * x[2]
    squared = (1 - 1 / (1 + math.exp(-k * (level - delta)))) ** 2
    made = torch.tensor(x).view(1, 3, 1, 1)
    transform = transform_of(ThresholdQuantizer(delta) if known else UnknownThreshold())
    alpha = [math.log(k)] if known else [math.log(k), math.log(delta / (1 - delta))]
    found = MapObjective(transform)(made, torch.zeros(1, 2), torch.tensor([alpha]), torch.ones(1, 3, 1, 1))
    assert found.item() == pytest.approx(log_of(squared, 1), rel=1e-4)


def test_the_identity_variant_against_a_hand_computation() -> None:
    stored, made = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    z = torch.randn(2, 5)
    found = MapObjective(Identity())(made, z, torch.zeros(2, 0), stored)
    for i in range(2):
        squared = float((stored[i] - made[i]).square().sum())
        assert found[i].item() == pytest.approx(log_of(squared, 48) + float(z[i].square().sum()), rel=1e-5)


@pytest.mark.parametrize(
    ("quantizer", "each"),
    [
        (UniformQuantizer.of_levels(3), 3),
        (PaletteQuantizer(PALETTE), 3),
        (GrayQuantizer(4), 1),
        (UnknownThreshold(), 1),
    ],
)
def test_n_is_three_a_pixel_of_color_and_one_of_gray(quantizer: object, each: int) -> None:
    transform = transform_of(quantizer)  # type: ignore[arg-type]
    difference = transform.difference(torch.rand(1, 3, 5, 7), torch.rand(1, 3, 5, 7), transform.start(1))
    assert difference.numel() == each * 35


@pytest.mark.parametrize(
    "transform",
    [
        transform_of(UniformQuantizer.of_levels(3)),
        transform_of(PaletteQuantizer(PALETTE)),
        transform_of(GrayQuantizer(4)),
        transform_of(ThresholdQuantizer(0.5)),
        SoftUnknown(),
        Identity(),
    ],
    ids=["levels", "palette", "gray", "threshold", "unknown threshold", "identity"],
)
@pytest.mark.parametrize("reduce", [1, 2])
def test_slopes_are_those_of_finite_differences(transform: Transform, reduce: int) -> None:
    chance = torch.Generator().manual_seed(3)
    mixing = torch.rand(5, 48, generator=chance, dtype=torch.float64) / 5
    stored = torch.rand(2, 3, 4, 4, generator=chance, dtype=torch.float64)
    z = torch.rand(2, 5, generator=chance, dtype=torch.float64).requires_grad_()
    alpha = transform.start(2).double().requires_grad_()
    objective = MapObjective(transform, reduce)

    def value(z: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        return objective((z @ mixing).view(2, 3, 4, 4), z, alpha, stored)

    assert torch.autograd.gradcheck(value, (z, alpha), atol=1e-4)


def test_pictures_inside_their_cells_differ_from_nothing() -> None:
    y = torch.full((1, 3, 2, 2), 0.5)
    stored = torch.cat([y, y - 0.1, y + 0.2], dim=1)
    nothing = torch.zeros(1, 0)
    inside = Inside().difference(stored, torch.full_like(y, 0.65), nothing)
    assert torch.equal(inside, torch.zeros_like(y))
    torch.testing.assert_close(Inside().difference(stored, y + 0.3, nothing), torch.full_like(y, -0.1))
    torch.testing.assert_close(Inside().difference(stored, y - 0.3, nothing), torch.full_like(y, 0.2))


def test_every_quantizer_has_a_soft_form_to_begin_with() -> None:
    transform = transform_of(UniformQuantizer.of_bits((5, 6, 5)))
    assert isinstance(transform, Soft)
    assert transform.start(3).shape == (3, 1)
    assert threshold(SoftUnknown().start(2)).tolist() == [0.5, 0.5]


def test_yehs_critic_counts_as_much_as_its_weight() -> None:
    critic = Critic(PriorSpec(4, (4, 4)))
    made, stored = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    z = torch.zeros(2, 4)
    plain = YehObjective(critic, 0.0)(made, z, z, stored)
    torch.testing.assert_close(plain, (made - stored).abs().sum(dim=(1, 2, 3)))
    weighted = YehObjective(critic, 2.0)(made, z, z, stored)
    doubt = -torch.log(torch.sigmoid(critic(made)))
    torch.testing.assert_close(weighted, plain + 2.0 * 192 * doubt)
