"""The game screens for tests: a stage shows what was put on it, has no holes, and takes shaded sprites only."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from game_screens import GAMES
from game_stage import SIDE, TEAM_COLOR, Stage
from make import grained
from PIL import Image


def _stage(folder: Path, seed: int = 0) -> Stage:
    return Stage(folder, 0, random.Random(seed), SIDE)


def _shaded(path: Path) -> Image.Image:
    picture = Image.fromarray(grained(1)).convert("RGBA").resize((40, 30))
    picture.save(path)
    return picture


def test_a_screen_with_a_hole_is_refused(tmp_path: Path) -> None:
    stage = _stage(tmp_path)
    stage.put(Image.new("RGBA", (SIDE, SIDE - 1), "red"), 0, 0)
    with pytest.raises(SystemExit, match="without holes"):
        stage.screen()


def test_sprites_may_hang_over_every_border(tmp_path: Path) -> None:
    stage = _stage(tmp_path)
    stage.put(Image.new("RGBA", (SIDE, SIDE), "red"), 0, 0)
    for corner in ((-500, -500), (-105, -105), (250, 250), (5000, 0)):
        stage.put(Image.new("RGBA", (110, 110), "blue"), *corner)
    shown = np.asarray(stage.screen())
    blue = (shown == (0, 0, 255)).all(axis=2)
    assert int(blue.sum()) == 5 * 5 + 6 * 6
    assert blue[4, 4]
    assert blue[250, 250]


def test_flat_sprites_and_those_with_a_team_color_are_not_picked(tmp_path: Path) -> None:
    Image.new("RGBA", (40, 30), "green").save(tmp_path / "flat.png")
    team = _shaded(tmp_path / "team.png")
    team.paste((*TEAM_COLOR, 255), (0, 0, 4, 4))
    team.save(tmp_path / "team.png")
    with pytest.raises(SystemExit, match="shaded sprites"):
        _stage(tmp_path).pick("*")
    _shaded(tmp_path / "good.png")
    stage = _stage(tmp_path)
    assert stage.pick("*").size == (40, 30)
    assert stage.used == {"good"}


def test_a_layer_covers_the_whole_width(tmp_path: Path) -> None:
    _shaded(tmp_path / "sky.png")
    stage = _stage(tmp_path)
    stage.layer("sky", SIDE, SIDE, 2.3)
    assert stage.screen().size == (SIDE, SIDE)


def test_no_game_of_the_training_pictures_is_a_test() -> None:
    assert not {"unknown-horizons", "tsc-data", "naev-data"} & {game.package for game in GAMES.values()}
    assert len(GAMES) >= 4
