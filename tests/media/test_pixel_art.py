from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from vdequant.media.pixel_art import XbrFilter


def diagonal(side: int = 24) -> torch.Tensor:
    """Red below a diagonal, blue above it: a staircase."""
    below = torch.arange(side)[:, None] > torch.arange(side)
    return torch.stack([below, torch.zeros_like(below), ~below]).to(torch.uint8) * 200


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_staircases_become_slopes_and_the_rest_is_repeated(factor: int) -> None:
    picture = diagonal()
    enlarged = XbrFilter(factor)(picture)
    repeated = picture.repeat_interleave(factor, -1).repeat_interleave(factor, -2)
    assert enlarged.shape == repeated.shape
    changed = (enlarged != repeated).any(0)
    assert 0 < changed.float().mean() < 0.2
    assert not changed[: 8 * factor, 14 * factor :].any()
    assert (enlarged[1] == 0).all()


def test_threads_and_sizes_do_not_disturb_each_other() -> None:
    scale, pictures = XbrFilter(2), [diagonal(side) for side in (16, 24, 16, 19) * 3]
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(scale, pictures))
    assert all(
        torch.equal(result, XbrFilter(2)(picture)) for result, picture in zip(results[:4], pictures, strict=False)
    )
    assert all(torch.equal(a, b) for a, b in zip(results[:4], results[4:8], strict=True))


def test_other_factors_are_refused() -> None:
    with pytest.raises(ValueError, match="2, 3 or 4, got 5"):
        XbrFilter(5)
