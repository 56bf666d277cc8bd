"""What counts as the same place: strict where it is flat, lenient where codecs err."""

from __future__ import annotations

import numpy as np

from vdequant.temporal.alike import Change, Floats, alike, contrast, edges_of, standing, worth_of

SHAPE = (32, 32)


def flat() -> Floats:
    return np.full(SHAPE, 100, np.float32)


def striped() -> Floats:
    """Edges everywhere."""
    luma = flat()
    luma[:, ::2] = 200
    return luma


def trust(
    luma: Floats, error: Floats, *, quiet: bool = False, color: Floats | None = None, step: Floats | None = None
) -> Floats:
    colors = np.asarray(np.stack([error / 255] * 3) if color is None else color, np.float32)
    change = Change(error, colors, error, colors)
    edges = edges_of(luma)
    step = np.abs(error) if step is None else step
    limits = standing(edges, edges_of(luma + error), step, np.ones(SHAPE, np.float32), np.full(SHAPE, quiet))
    return alike(change, limits, worth_of(edges))


def test_an_error_that_passes_beside_edges_is_a_change_in_a_flat_place() -> None:
    error = np.zeros(SHAPE, np.float32)
    error[16, 16] = 15
    assert trust(flat(), error)[16, 16] == 0
    assert trust(striped(), error)[16, 16] > 0.9


def test_a_whole_neighborhood_may_not_change_by_what_a_pixel_may() -> None:
    error = np.zeros(SHAPE, np.float32)
    error[8:24, 8:24] = 5.5
    assert trust(flat(), error)[16, 16] == 0
    assert trust(flat(), error)[2, 2] == 1


def test_single_pixels_that_are_alike_by_chance_are_not_trusted_unless_the_place_is_known() -> None:
    error = np.full(SHAPE, 90, np.float32)
    error[::2, ::2] = 0
    assert trust(striped(), error).max() == 0
    assert trust(flat(), np.where(np.indices(SHAPE).sum(0) % 2, error, 0), quiet=True)[16, 16] > 0


def test_color_may_change_beside_edges_alone_where_something_passes() -> None:
    color = np.zeros((3, *SHAPE), np.float32)
    color[:, 16, 16] = 90 / 255, -35 / 255, -60 / 255
    still, passes = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    passes[:, 18:] = 100
    assert trust(flat(), still, color=color, step=passes)[16, 16] == 0
    assert trust(striped(), still, color=color)[16, 16] == 0
    assert trust(striped(), still, color=color, step=passes)[16, 16] > 0.5


def test_a_look_beside_an_edge_is_worth_less() -> None:
    luma = flat()
    luma[:, 16:] = 240
    worth = worth_of(edges_of(luma))
    assert worth[16, 4] == 1
    assert worth[16, 16] < 0.3
    assert contrast(luma, 3)[16, 15] == 140
