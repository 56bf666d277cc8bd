from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from vdequant.errors import UsageError
from vdequant.quantizers.threshold import WEIGHTS, GrayQuantizer, ThresholdQuantizer, gray, otsu_thresholds


def noise(count: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, 12, 14, generator=torch.Generator().manual_seed(seed))


def test_gray_is_weighted_as_in_the_paper() -> None:
    assert pytest.approx((0.2126, 0.7152, 0.0722)) == WEIGHTS
    colors = torch.eye(3)[:, :, None, None]
    assert gray(colors).flatten().tolist() == pytest.approx([0.2126, 0.7152, 0.0722])


def test_the_result_is_black_or_white_in_three_equal_channels() -> None:
    x = noise()
    y = ThresholdQuantizer(0.4).quantize(x)
    assert set(y.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(y[:, 0], (gray(x) >= 0.4).float())
    assert torch.equal(y[:, 0], y[:, 1])
    assert torch.equal(y[:, 0], y[:, 2])


def test_each_picture_has_its_own_threshold() -> None:
    deltas = torch.tensor([0.3, 0.7])
    x = noise()
    together = ThresholdQuantizer(deltas)
    for i, delta in enumerate(deltas.tolist()):
        alone = ThresholdQuantizer(delta)
        y = alone.quantize(x[i : i + 1])
        assert torch.equal(together.quantize(x)[i : i + 1], y)
        assert torch.equal(together.soft(x, 9.0)[i : i + 1], alone.soft(x[i : i + 1], 9.0))
    cells = together.cells(together.quantize(x))
    assert cells.contains(x).all()
    assert torch.equal(together.quantize(cells.project(noise(seed=1))), together.quantize(x))
    with pytest.raises(ValueError, match="one for each of 3 pictures"):
        together.quantize(noise(3))


def test_threshold_and_sharpness_can_be_learned() -> None:
    x = noise(2)[:, :, :2, :3].double().requires_grad_()
    delta = torch.tensor([0.4, 0.6], dtype=torch.float64, requires_grad=True)
    k = torch.tensor(8.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v, d, s: ThresholdQuantizer(d).soft(v, s), (x, delta, k))


def test_otsu_agrees_with_opencv() -> None:
    dark = noise(1) * 0.3
    dark[..., :5] += 0.6
    x = torch.cat([noise(1, seed=4), dark])
    deltas = otsu_thresholds(x)
    y = ThresholdQuantizer(deltas).quantize((x * 255).round() / 255)
    for i in range(2):
        codes = (gray((x * 255).round() / 255)[i] * 255).numpy()
        whole = (gray(x)[i] * 255).round().numpy().astype(np.uint8)
        threshold, _ = cv2.threshold(whole, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        assert deltas[i].item() == pytest.approx((threshold + 0.5) / 255)
        assert np.array_equal(y[i, 0].numpy() > 0, codes >= threshold + 0.5)
    assert deltas[0] != deltas[1]


def test_flat_pictures_have_a_threshold_too() -> None:
    for value in (0.0, 0.5, 1.0):
        flat = torch.full((1, 3, 4, 4), value)
        stored = ThresholdQuantizer(otsu_thresholds(flat)).quantize(flat)
        assert stored.unique().tolist() in ([0.0], [1.0])


def nearest_by_search(x: torch.Tensor, target: float) -> torch.Tensor:
    """The nearest color of gray ``target``, by bisection on the multiplier of clip(x + t w)."""
    weights = torch.tensor(WEIGHTS, dtype=x.dtype)
    low, high = -20.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        if float(((x + middle * weights).clamp(0, 1) * weights).sum()) < target:
            low = middle
        else:
            high = middle
    return (x + low * weights).clamp(0, 1)


def test_project_finds_the_nearest_color_of_the_other_side() -> None:
    colors = torch.rand(40, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    colors[:8] = colors[:8].round()  # corners of the cube, where channels cannot move further
    x = colors.T[None, :, None]
    for delta in (0.08, 0.5, 0.95):
        cells = ThresholdQuantizer(delta).cells(1 - ThresholdQuantizer(delta).quantize(x))
        found = cells.project(x, margin=0.0)[0, :, 0].T
        for before, after in zip(colors, found, strict=True):
            torch.testing.assert_close(after, nearest_by_search(before, delta), rtol=0, atol=1e-9)


def test_the_reach_of_a_gray_level_is_its_step() -> None:
    cells = GrayQuantizer(8).cells(torch.full((1, 3, 1, 1), 0.5625))
    assert torch.equal(cells.low, torch.full((1, 3, 1, 1), 0.5))
    assert torch.equal(cells.high, torch.full((1, 3, 1, 1), 0.625))


def test_the_reach_of_black_and_white_along_an_axis_ends_at_the_threshold() -> None:
    cells = ThresholdQuantizer(0.1).cells(torch.zeros(1, 3, 1, 1))
    for channel in range(3):
        x = torch.zeros(1, 3, 1, 1)
        x[:, channel] = cells.high[:, channel]
        assert gray(x).item() == pytest.approx(0.1) or cells.high[0, channel].item() == 1.0


def test_gray_levels_are_the_centers_of_equal_steps() -> None:
    x = torch.tensor([0.0, 0.24, 0.26, 1.0]).expand(1, 3, 1, -1)
    y = GrayQuantizer(4).quantize(x)
    assert y[0, 2, 0].tolist() == [0.125, 0.125, 0.375, 0.875]


def test_out_of_range_settings_are_refused() -> None:
    for delta in (0.0, 1.0, torch.tensor([0.5, 1.5])):
        with pytest.raises(UsageError, match="between 0 and 1"):
            ThresholdQuantizer(delta)
    with pytest.raises(UsageError, match="2 to 256 gray levels, got 1"):
        GrayQuantizer(1)
