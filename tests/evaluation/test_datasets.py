"""What is found in folders, and that it is read exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from make import clip, rgb8
from PIL import Image

from vdequant.errors import InputError
from vdequant.evaluation.datasets import digest, find_items
from vdequant.training.data import source_is_held


def test_pictures_are_read_exactly_and_in_the_order_of_their_names(pictures: Path) -> None:
    items = find_items([pictures])
    assert [item.name for item in items] == ["a.png", "b.webp"]
    for item in items:
        assert np.array_equal(item.read()[0], np.asarray(Image.open(item.path).convert("RGB")))


def test_the_beginning_of_a_clip_is_read_frame_by_frame(tmp_path: Path) -> None:
    clip(tmp_path / "clip.mkv", count=5)
    (item,) = find_items([tmp_path], frames=3)
    assert np.array_equal(item.read(), np.stack([rgb8(shift=i) for i in range(3)]))


def test_a_file_may_be_named_itself(pictures: Path) -> None:
    assert [item.name for item in find_items([pictures / "b.webp"])] == ["b.webp"]


def test_a_limit_takes_pictures_spread_over_the_folder(tmp_path: Path) -> None:
    for number in range(6):
        Image.fromarray(rgb8()).save(tmp_path / f"{number}.png")
    assert [item.name for item in find_items([tmp_path], limit=3)] == ["0.png", "2.png", "4.png"]


def test_held_out_takes_only_what_training_leaves_out(tmp_path: Path) -> None:
    names = [f"picture{number}_0.png" for number in range(60)]
    for name in names:
        Image.fromarray(rgb8()).save(tmp_path / name)
    held = sorted(name for name in names if source_is_held(name))
    assert 0 < len(held) < 60
    assert [item.name for item in find_items([tmp_path], held_out=True)] == held
    for name in held:
        (tmp_path / name).unlink()
    with pytest.raises(InputError, match="all of them are trained on"):
        find_items([tmp_path], held_out=True)


def test_a_folder_without_pictures_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    with pytest.raises(InputError, match="found none"):
        find_items([tmp_path])
    with pytest.raises(InputError, match="does not exist"):
        find_items([tmp_path / "gone"])


def test_the_digest_follows_names_and_contents(pictures: Path) -> None:
    before = digest(find_items([pictures]))
    assert digest(find_items([pictures])) == before
    Image.fromarray(rgb8()).save(pictures / "a.png")
    assert digest(find_items([pictures])) != before
