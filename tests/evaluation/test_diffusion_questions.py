"""What the model is asked: the right planes, the right thing to compare with, for every column of the tables."""

from __future__ import annotations

import numpy as np
import torch

from vdequant.evaluation.degradations import to_tensor
from vdequant.evaluation.diffusion_published import PUBLISHED
from vdequant.evaluation.diffusion_questions import TABLES, Question, columns_of, patch_of
from vdequant.evaluation.diffusion_scenes import Scene
from vdequant.models.conditioning import FINENESS, KNOWN, TEXTURE, texture_of


def ask(scene: Scene, table: str, column: str) -> Question:
    return next(found for found in columns_of((table,)) if found.name == column).ask(scene)


def distinct(x: torch.Tensor) -> int:
    return len(torch.unique(x.flatten(2)[0].T, dim=0))


def test_every_table_has_columns_and_the_papers_numbers_are_of_them() -> None:
    names = {table: [column.name for column in columns_of((table,))] for table in TABLES}
    assert [len(names[table]) for table in TABLES] == [6, 6, 4, 4, 2, 2, 16]
    assert set(PUBLISHED) == {"table-1", "table-2", "table-3", "table-4"}
    for table, rows in PUBLISHED.items():
        assert list(rows) == ["T", "G", "L", "L-post"]
        assert all(list(columns) == names[table] for columns in rows.values())


def test_figure_3_asks_without_texture_and_figure_4_with_it(scene: Scene) -> None:
    bare, textured = ask(scene, "figure-3", "N=8"), ask(scene, "figure-4", "N=8")
    truth = to_tensor(scene.truth)
    assert torch.equal(bare.colors, textured.colors)
    assert distinct(bare.colors) <= 8
    assert bare.truth is not None
    assert torch.equal(bare.truth, truth)
    assert bare.planes("L")[:, TEXTURE].abs().max() == 0
    assert bare.planes("L")[:, KNOWN].max() == 0
    assert torch.equal(textured.planes("L")[:, TEXTURE], texture_of(truth, "L"))
    assert textured.planes("L")[:, KNOWN].min() == 1
    assert torch.allclose(bare.planes("G")[:, FINENESS], torch.tensor(8 / 256))
    assert (bare.palette, textured.palette) == (0, 8)


def test_a_transfer_shows_the_picture_in_the_colors_of_the_other(scene: Scene) -> None:
    near, far = ask(scene, "table-1", "on, 8 colors"), ask(scene, "table-2", "on, 8 colors")
    for question in (near, far):
        assert question.truth is None
        assert question.quantizer is not None
        assert distinct(question.colors) <= 8
        assert torch.equal(question.quantizer.quantize(question.colors), question.colors)
        assert torch.equal(question.source, to_tensor(scene.truth))
    x = to_tensor(scene.truth)
    assert (near.colors - x).square().mean() < (far.colors - x).square().mean()


def test_a_transfer_to_a_picture_of_fewer_colors_takes_those(scene: Scene) -> None:
    scene.partner[:] = np.array([10, 200, 30], np.uint8)
    scene.partner[0, :4] = 255
    assert distinct(ask(scene, "table-1", "off, 8 colors").colors) == 2


def test_a_patch_has_its_mean_color_and_is_told_as_coarse(scene: Scene) -> None:
    question, patch, x = ask(scene, "table-3", "on"), patch_of(scene), to_tensor(scene.truth)
    inside = (patch > 0).expand_as(x)
    assert 0 < float(patch.mean()) < 0.5
    assert torch.equal(question.colors[~inside], x[~inside])
    for channel in range(3):
        where = patch[0, 0] > 0
        assert torch.allclose(question.colors[0, channel][where], x[0, channel][where].mean(), atol=1e-5)
    planes = question.planes("L")
    assert torch.equal(planes[:, FINENESS], torch.where(patch > 0, 1 / 256, 1.0))
    assert planes[:, KNOWN].min() == 1


def test_without_texture_only_the_patch_has_none(scene: Scene) -> None:
    planes = ask(scene, "table-4", "off").planes("L")
    assert torch.equal(planes[:, KNOWN], 1 - patch_of(scene))


def test_a_random_color_is_the_same_each_time_and_is_judged_by_16_colors(scene: Scene) -> None:
    first, second = (ask(scene, "table-4", column) for column in ("on", "off"))
    assert torch.equal(first.colors, second.colors)
    assert (first.truth, first.palette) == (None, 16)
    assert not torch.equal(first.colors, ask(scene, "table-3", "on").colors)


def test_figure_9_moves_palette_and_truth_alike(scene: Scene) -> None:
    still, moved = (ask(scene, "figure-9", f"on, N=8, {magnitude}") for magnitude in ("0", "0.9"))
    assert torch.equal(still.colors, ask(scene, "figure-3", "N=8").colors)
    assert still.truth is not None
    assert moved.truth is not None
    assert torch.equal(still.truth, to_tensor(scene.truth))
    assert distinct(moved.colors) <= 8
    nearer = (moved.colors - moved.truth).square().mean()
    assert nearer < (still.colors - moved.truth).square().mean()
