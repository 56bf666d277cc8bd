"""Overlapping patches: cut and joined they are the picture, and each counts most in its middle."""

from __future__ import annotations

import pytest
import torch

from vdequant.restorers.patches import cut, join, patches_in


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 20), (16, 12)])
def test_cut_and_joined_is_the_picture(height: int, width: int) -> None:
    x = torch.rand(2, 3, height, width)
    patches = cut(x, 8)
    assert len(patches) == 2 * patches_in(height, width, 8)
    torch.testing.assert_close(join(patches, 2, height, width), x)


def test_patches_come_picture_by_picture_in_rows() -> None:
    x = torch.arange(2 * 16 * 12).float().view(2, 1, 16, 12)
    patches = cut(x, 8)
    assert torch.equal(patches[1], x[0, :, :8, 4:12])
    assert torch.equal(patches[2], x[0, :, 4:12, :8])
    assert torch.equal(patches[6], x[1, :, :8, :8])


def test_a_patch_counts_most_in_its_middle() -> None:
    patches = torch.zeros(2, 1, 8, 8)
    patches[1] = 1
    row = join(patches, 1, 8, 12)[0, 0, 0]
    assert row[:4].tolist() == [0, 0, 0, 0]
    assert bool((row[4:8].diff() > 0).all())
    torch.testing.assert_close(row[8:], torch.ones(4))
