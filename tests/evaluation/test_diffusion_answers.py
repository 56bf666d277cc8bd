"""The rows of the diffusion tables: each as its name says, drawn once where rows share a sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch

from vdequant.edits.luma import luma_of
from vdequant.errors import ModelError
from vdequant.evaluation import diffusion_answers
from vdequant.evaluation.diffusion_answers import WAYS, Answers, Models
from vdequant.evaluation.diffusion_questions import DRAWN, PROJECTED, Question, columns_of
from vdequant.evaluation.diffusion_scenes import Scene
from vdequant.models.conditioning import COLORS
from vdequant.models.denoiser import Embedded
from vdequant.restorers.sampling import Sampling
from vdequant.schedule.device import Engine

QUICK = Sampling("dpm", 2)


def ask(scene: Scene, table: str) -> Question:
    return columns_of((table,))[0].ask(scene)


def test_rows_that_share_a_sample_draw_it_once(
    scene: Scene, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    drawn = []

    def counted(*words: object) -> torch.Tensor:
        drawn.append(words)
        return torch.full((1, 3, 48, 48), 0.5)

    monkeypatch.setattr(diffusion_answers, "draw", counted)
    answers = Answers(ask(scene, "table-3"), models, QUICK)
    assert [answers.of(row)[1] > 0 for row in ("L", "L-post", "L, outside kept", "T")] == [True, False, False, True]
    assert len(drawn) == 2


def test_l_post_has_the_luma_of_the_source(scene: Scene, models: Models) -> None:
    question = ask(scene, "table-2")
    made, _ = Answers(question, models, QUICK).of("L-post")
    assert torch.allclose(luma_of(made), luma_of(question.source), atol=1e-5)


def test_what_lies_outside_the_patch_can_be_kept(scene: Scene, models: Models) -> None:
    question = ask(scene, "table-4")
    answers = Answers(question, models, QUICK)
    assert question.patch is not None
    outside = (question.patch == 0).expand_as(question.colors)
    assert torch.equal(answers.of("T, outside kept")[0][outside], question.source[outside])
    assert not torch.equal(answers.of("T")[0][outside], question.source[outside])


def test_only_projected_rows_lie_in_the_cells(scene: Scene, models: Models) -> None:
    question = ask(scene, "figure-3")
    answers = Answers(question, models, QUICK)
    assert question.quantizer is not None
    cells = question.quantizer.cells(question.colors)
    assert bool(cells.contains(answers.of(PROJECTED)[0]).all())
    assert not bool(cells.contains(answers.of(DRAWN)[0]).all())


def test_several_samples_are_averaged(scene: Scene, models: Models) -> None:
    question = ask(scene, "figure-3")
    first, second = (Answers(question, models, Sampling("dpm", 2, seed=seed)).of(DRAWN)[0] for seed in (3, 4))
    both = Answers(question, models, Sampling("dpm", 2, seed=3, samples=2)).of(DRAWN)[0]
    assert not torch.equal(first, second)
    assert torch.allclose(both, (first + second) / 2, atol=1e-6)


class Coarse:
    """A denoiser that wants sides of 32 pixels, and believes the colors that it is told."""

    texture, multiple, factor, channels = "L", 32, 1, 3
    schedule: ClassVar[dict[str, Any]] = {"num_train_timesteps": 1000, "prediction_type": "sample"}

    def to(self, device: torch.device, dtype: torch.dtype) -> Coarse:
        return self

    def predict(self, noisy: torch.Tensor, step: torch.Tensor, planes: torch.Tensor) -> torch.Tensor:
        return planes[:, COLORS] * 2 - 1

    def decode(self, clean: torch.Tensor) -> torch.Tensor:
        return clean


def test_pictures_are_padded_for_models_that_want_other_sides(scene: Scene, engine: Engine) -> None:
    question = ask(scene, "figure-3")
    answers = Answers(question, Models(engine, lambda _: Coarse()), QUICK)
    for row in (DRAWN, PROJECTED):
        assert torch.allclose(answers.of(row)[0], question.colors, atol=1e-5)


def test_without_texture_any_encoder_that_is_there_will_do(
    scene: Scene, engine: Engine, tiny_diffusion: Callable[[str], Embedded]
) -> None:
    def make(kind: str) -> Embedded:
        if kind != "T":
            raise ModelError(f"no weights of {kind}")
        return tiny_diffusion(kind)

    models = Models(engine, make)
    assert (models.kind(""), models.kind("G")) == ("T", "G")
    answers = Answers(ask(scene, "figure-3"), models, QUICK)
    assert answers.of(DRAWN)[0].shape == (1, 3, 48, 48)
    with pytest.raises(ModelError, match="no weights of L"):
        answers.of("L-post")


def test_the_checksum_is_that_of_the_weights(engine: Engine, tiny_diffusion: Callable[[str], Embedded]) -> None:
    def changed(kind: str) -> Embedded:
        model = tiny_diffusion(kind)
        next(model.base.parameters()).add_(1)
        return model

    same = [Models(engine, tiny_diffusion).checksum("G") for _ in range(2)]
    assert same[0] == same[1] != Models(engine, tiny_diffusion).checksum("T")
    assert same[0] != Models(engine, changed).checksum("G")


def test_every_row_of_the_model_has_its_way() -> None:
    rows = {row for column in columns_of() for row in column.rows}
    assert rows - {"nothing"} == set(WAYS)
