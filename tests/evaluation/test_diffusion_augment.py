"""Colors moved in HSV: nothing at 0, known hues and values otherwise, every pixel by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vdequant.evaluation.diffusion_augment import augmented, random_direction


def flat(*color: float) -> torch.Tensor:
    return torch.tensor(color).view(1, 3, 1, 1).expand(1, 3, 4, 4).contiguous()


def test_magnitude_0_changes_nothing() -> None:
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(augmented(x, (1.0, 1.0, 1.0), 0.0), x)


@pytest.mark.parametrize(
    ("direction", "expected"),
    [((1.0, 0.0, 0.0), (0.0, 1.0, 1.0)), ((0.0, -1.0, 0.0), (1.0, 1.0, 1.0)), ((0.0, 0.0, -1.0), (0.0, 0.0, 0.0))],
    ids=["half a turn of red is cyan", "without saturation it is white", "without value it is black"],
)
def test_red_goes_where_the_direction_says(
    direction: tuple[float, float, float], expected: tuple[float, float, float]
) -> None:
    assert torch.allclose(augmented(flat(1.0, 0.0, 0.0), direction, 1.0), flat(*expected), atol=1e-6)


def test_equal_colors_stay_equal_and_codes_stay_codes() -> None:
    x = (torch.rand(1, 3, 2, 2) * 255).round().repeat(1, 1, 4, 4) / 255
    moved = augmented(x, (0.3, -0.2, 0.4), 0.8)
    assert torch.equal(moved[..., :2, :2], moved[..., 2:4, 4:6])
    assert torch.allclose(moved * 255, (moved * 255).round(), atol=1e-4)
    assert not torch.equal(moved, x)


def test_a_direction_is_within_its_bounds() -> None:
    drawn = [random_direction(np.random.default_rng(seed)) for seed in range(20)]
    assert all(abs(part) <= 1 for direction in drawn for part in direction)
    assert len(set(drawn)) == 20
