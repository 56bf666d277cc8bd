from __future__ import annotations

import torch

from vdequant.frames import Layout, Matrix
from vdequant.probing.ranges import suspicion

LIMITED = Layout(64, 64, "yuv", 8, (1, 1), Matrix.BT709, False)
RGB = Layout(64, 64)


def test_rgb_that_keeps_to_limited_range_is_suspicious() -> None:
    assert "16..235" in suspicion([torch.randint(16, 236, (64, 64)).float()], RGB)


def test_rgb_from_black_to_white_is_not() -> None:
    assert suspicion([torch.randint(0, 256, (64, 64)).float()], RGB) == ""
    assert suspicion([torch.randint(60, 200, (64, 64)).float()], RGB) == ""


def test_limited_yuv_beyond_its_range_is_suspicious() -> None:
    assert "--range pc" in suspicion([torch.randint(0, 256, (64, 64)).float()], LIMITED)
    assert suspicion([torch.randint(16, 236, (64, 64)).float()], LIMITED) == ""
