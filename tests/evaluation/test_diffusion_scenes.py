"""The pictures of the diffusion tables: middle squares, and partners that stay the same however many are taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from make import grained, grained_folder
from PIL import Image

from vdequant.errors import InputError
from vdequant.evaluation.diffusion_scenes import SIDE, find_scenes, middle


@pytest.fixture
def many(tmp_path: Path) -> Path:
    return grained_folder(tmp_path / "many", 6, 16)


def test_the_middle_is_a_square_of_a_side_that_every_base_can_take() -> None:
    picture = np.zeros((1, 45, 60, 3), np.uint8)
    picture[0, 22, 30] = 255
    found = middle(picture, "a")
    assert found.shape == (1, 40, 40, 3)
    assert found[0, 20, 20].tolist() == [255, 255, 255]
    assert middle(np.zeros((1, 300, 400, 3), np.uint8), "a").shape == (1, SIDE, SIDE, 3)


def test_a_tiny_picture_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="30x12: small"):
        middle(np.zeros((1, 12, 30, 3), np.uint8), "small")


def test_a_partner_is_another_picture_and_does_not_depend_on_the_limit(many: Path) -> None:
    every = {scene.name: scene for scene in find_scenes([many])}
    some = find_scenes([many], limit=2)
    assert len(every) == 6
    assert all(scene.other.path != scene.item.path for scene in every.values())
    assert [scene.other.name for scene in some] == [every[scene.name].other.name for scene in some]


def test_the_digest_tells_pictures_and_partners_apart(many: Path) -> None:
    first, second = find_scenes([many])[:2]
    assert first.digest != second.digest
    before = first.digest
    Image.fromarray(grained(9, 16)).save(first.other.path)
    assert find_scenes([many])[0].digest != before


def test_the_chance_of_a_picture_is_its_own_and_that_of_its_purpose(many: Path) -> None:
    first, second = find_scenes([many])[:2]
    draws = [scene.rng(purpose).random() for scene, purpose in ((first, 0), (first, 0), (first, 1), (second, 0))]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 3


def test_one_picture_has_no_partner(many: Path) -> None:
    with pytest.raises(InputError, match="two pictures"):
        find_scenes([many / "0.png"])
