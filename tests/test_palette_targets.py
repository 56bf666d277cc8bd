from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from make import grained
from PIL import Image

from vdequant.errors import InputError, UsageError
from vdequant.palette_targets import read_target


def test_a_picture_gives_its_colors_and_their_shares(tmp_path: Path) -> None:
    codes = np.zeros((10, 10, 3), np.uint8)
    codes[:3] = (255, 0, 0)
    Image.fromarray(codes).save(tmp_path / "p.png")
    target = read_target(str(tmp_path / "p.png"), 16)
    assert target.colors.tolist() == [[0, 0, 0], [1, 0, 0]]
    assert target.shares.tolist() == pytest.approx([0.7, 0.3])
    assert target.available == 2


def test_a_picture_of_many_colors_is_reduced(tmp_path: Path) -> None:
    Image.fromarray(grained(1)).save(tmp_path / "p.webp", lossless=True)
    target = read_target(str(tmp_path / "p.webp"), 8)
    assert len(target.colors) == 8
    assert target.available > 100
    assert float(target.shares.sum()) == pytest.approx(1)


def test_palette_files_and_words_are_taken_whole(tmp_path: Path) -> None:
    (tmp_path / "p.hex").write_text("ff0000\n00ff00\n0000ff\n0000ff\n")
    for text in (str(tmp_path / "p.hex"), "#ff0000,#00ff00,#0000ff"):
        target = read_target(text, 2)
        assert len(target.colors) == target.available == 3
        assert torch.equal(target.shares, torch.full((3,), 1 / 3))


def test_what_gives_no_palette_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.gpl").write_text("nothing")
    (tmp_path / "p.txt").write_text("nothing")
    for name in ("p.gpl", "p.txt", "none.png"):
        with pytest.raises(InputError, match=name.split(".")[0]):
            read_target(str(tmp_path / name), 4)
    with pytest.raises(UsageError, match="standard input"):
        read_target("-", 4)
