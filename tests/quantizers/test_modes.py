from __future__ import annotations

import numpy as np
import torch

from vdequant.quantizers.modes import Histogram, find_clouds, find_modes, histogram, nearest_mode


def noisy(colors: list[tuple[int, int, int]], share: list[int], scale: float = 1.0) -> torch.Tensor:
    """Codes ``(3, P)`` scattered around each color."""
    random = np.random.default_rng(1)
    parts = [np.array(c) + random.laplace(0, scale, (n, 3)) for c, n in zip(colors, share, strict=True)]
    return torch.from_numpy(np.concatenate(parts).T).float()


COLORS = [(60, 120, 130), (100, 90, 170), (180, 128, 128), (104, 140, 100)]


def test_every_scattered_color_is_a_mode_and_nothing_else() -> None:
    modes = find_modes(histogram(noisy(COLORS, [4000, 3000, 2000, 500])))
    assert len(modes.codes) == 4
    index, distance = nearest_mode(np.array(COLORS), modes.codes)
    assert sorted(index.tolist()) == [0, 1, 2, 3]
    assert distance.max() < 1
    assert modes.peaked > 0.6
    assert (np.diff(modes.weights) <= 0).all()


def test_colors_three_codes_apart_are_told_apart_where_they_are_flat() -> None:
    flat = torch.tensor([(100, 190, 80)] * 5000 + [(102, 189, 84)] * 900).T.float()
    assert len(find_modes(histogram(flat), leniency=0.2).codes) == 2


def test_an_even_spread_is_not_peaked() -> None:
    spread = torch.randint(40, 140, (3, 20000)).float()
    assert find_modes(histogram(spread)).peaked < 0.3


def test_a_color_too_scattered_for_a_peak_is_found_as_a_cloud() -> None:
    cloud = histogram(noisy([(150, 75, 60)], [600], 1.8))
    counted = Histogram(np.vstack([[COLORS[0]], cloud.codes]), np.concatenate([[3_000_000], cloud.counts]))
    modes = find_modes(counted)
    assert len(modes.codes) == 1
    found = find_clouds(counted, modes)
    assert np.abs(found.codes[1:] - (150, 75, 60)).max(axis=1).min() < 1.5


def test_an_empty_histogram_has_no_modes() -> None:
    assert len(find_modes(histogram(torch.zeros(3, 0))).codes) == 0
