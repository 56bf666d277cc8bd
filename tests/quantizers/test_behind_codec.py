"""Games in windows on a desktop, recorded by a lossy codec."""

from __future__ import annotations

import make
import numpy as np
import pytest

from vdequant.frames import Frame
from vdequant.media.source import open_source
from vdequant.quantizers.behind_codec import most_lie_on, study
from vdequant.quantizers.grid import Axis, Grid
from vdequant.settings import Settings

DESKTOP, SKY = (48, 88, 120), (110, 60, 90)  # of one luma: 79 and 78
PLACE, SCALE = (40, 20), 3  # left and top of the window; enlargement


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    path = tmp_path_factory.mktemp("window") / "in.mp4"
    pictures = []
    for moment in range(8):
        native = make.tile_scene([(20, 30, 60), (200, 40, 40), (250, 220, 90), (60, 160, 70)], moment)
        native[:8] = SKY
        shown = np.zeros((256, 320, 3), np.uint8) + np.array(DESKTOP, np.uint8)
        big = native.repeat(SCALE, 0).repeat(SCALE, 1)
        shown[PLACE[1] : PLACE[1] + big.shape[0], PLACE[0] : PLACE[0] + big.shape[1]] = big
        pictures.append(shown)
    make.enlarged_clip(path, pictures, (1, 1), crf=20)
    with open_source(str(path), Settings()) as source:
        return source.sample(8)


def test_a_window_whose_sky_is_as_light_as_the_desktop_is_cropped_at_its_edge(frames: list[Frame]) -> None:
    grid = study(frames, lossy_codec=True, assumed_matrix=True).grid
    assert grid is not None
    assert (grid.size, grid.borders) == ((80, 64), (40, 20, 40, 44))


def test_a_grid_is_dropped_where_most_pictures_do_not_lie_on_it(frames: list[Frame]) -> None:
    columns = Axis(40, (3,) * 80, 40)
    assert most_lie_on(frames, Grid(columns, Axis(20, (3,) * 64, 44)))
    assert not most_lie_on(frames, Grid(columns, Axis(47, (3,) * 55, 44)))  # the sky and more taken for border
