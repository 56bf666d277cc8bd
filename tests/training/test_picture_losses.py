"""Losses of section 2.2: nothing for equal pictures, and each looks at what it says."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vdequant.training.picture_losses import (
    FEATURE,
    PIXEL,
    LossWeights,
    PictureLoss,
    fooling_loss,
    relative_loss,
    telling_loss,
    texture_loss,
    variation,
    variation_loss,
)

NOTHING = LossWeights(adversarial=0, content=0)


@pytest.mark.parametrize("name", [*PIXEL, *FEATURE])
def test_equal_pictures_lose_nothing_and_others_do(name: str) -> None:
    loss, x = {**PIXEL, **FEATURE}[name], torch.rand(2, 3, 8, 8)
    assert float(loss(x, x)) == pytest.approx(0, abs=1e-6)
    assert float(loss(torch.rand(2, 3, 8, 8), x)) > 0


def test_texture_ignores_contrast_and_brightness() -> None:
    x = torch.rand(2, 3, 8, 8)
    assert float(texture_loss(0.3 * x + 0.2, x)) == pytest.approx(0, abs=1e-5)
    assert float(texture_loss(-x, x)) == pytest.approx(0, abs=1e-5)  # the paper takes the magnitude
    assert float(texture_loss(torch.rand(2, 3, 8, 8), x)) > 0.5


def test_total_variation_counts_steps_between_neighbors() -> None:
    steps = torch.zeros(1, 3, 4, 4)
    steps[..., 2:] = 1.0
    assert float(variation(steps)) == pytest.approx(1 / 3)
    assert float(variation(torch.full((1, 3, 4, 4), 0.7))) == 0
    assert float(variation_loss(steps, steps.flip(-1))) == 0


def test_the_published_sum_is_adversarial_and_content() -> None:
    assert LossWeights().describe() == "0.001 adversarial + 1 content"


def test_the_sum_weighs_its_parts() -> None:
    answer, truth = torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.5)
    weights = LossWeights(adversarial=9, content=3, l1=1, l2=2)
    loss = PictureLoss(weights, nn.Identity())
    assert float(loss(answer, truth, answer)) == pytest.approx(3 * 0.25 + 0.5 + 2 * 0.25)
    assert float(PictureLoss(NOTHING, None)(answer, truth, answer)) == 0


def test_relative_loss_is_one_for_doing_nothing_at_any_quality() -> None:
    truth = torch.rand(2, 3, 8, 8)
    stored = truth + torch.tensor([0.1, 0.3])[:, None, None, None]
    assert float(relative_loss(stored, truth, stored)) == pytest.approx(1, abs=2e-3)
    assert float(relative_loss((stored + truth) / 2, truth, stored)) == pytest.approx(0.25, abs=1e-3)
    loss = PictureLoss(LossWeights(adversarial=0, content=0, relative=2), None)
    assert float(loss(stored, truth, stored)) == pytest.approx(2, abs=4e-3)


def test_an_extractor_is_needed_only_for_features() -> None:
    assert PictureLoss.needs_features(LossWeights())
    assert PictureLoss.needs_features(LossWeights(content=0, texture=1))
    assert not PictureLoss.needs_features(LossWeights(content=0, l1=1))


def test_the_generator_wins_where_the_discriminator_is_fooled() -> None:
    sure = torch.full((4,), 3.0)
    assert fooling_loss(sure) < fooling_loss(-sure)
    assert float(fooling_loss(torch.zeros(4))) == pytest.approx(0.6931, abs=1e-3)


def test_the_discriminator_wins_where_it_tells_both() -> None:
    sure = torch.full((4,), 3.0)
    assert telling_loss(sure, -sure) < telling_loss(-sure, sure)
