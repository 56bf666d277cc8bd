"""Restorers as rows of the tables: what draws its pictures at random is told how, and is known by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from make import grained

from vdequant.evaluation.degradations import parse_degradation
from vdequant.evaluation.methods import Drawing, Restoring
from vdequant.models.denoiser import Embedded
from vdequant.restorers.sampling import Sampling
from vdequant.schedule.device import Engine


def test_only_diffusion_depends_on_how_it_is_drawn(engine: Engine) -> None:
    ways = [Drawing(), Drawing(Sampling(seed=1)), Drawing(base="their/model")]
    keys = {name: {Restoring(name, engine, 1.0, way).key("m=8") for way in ways} for name in ("diffusion", "deband")}
    assert [len(keys[name]) for name in ("diffusion", "deband")] == [3, 1]


def test_an_encoder_is_known_by_what_is_in_its_file(tmp_path: Path) -> None:
    drawing = Drawing(encoder=str(tmp_path / "mine.safetensors"))
    keys = set()
    for content in (b"one", b"two"):
        (tmp_path / "mine.safetensors").write_bytes(content)
        keys.add(drawing.key())
    assert len(keys) == 2


def test_the_seed_and_the_fidelity_of_a_row_are_those_that_were_asked_for(
    engine: Engine, tiny_diffusion: Callable[[str], Embedded], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_diffusion("L")
    monkeypatch.setattr("vdequant.models.denoiser.packaged_base", lambda: model.base)
    monkeypatch.setattr("vdequant.models.denoiser.packaged_encoder", lambda _: model.encoder)
    stored = parse_degradation("palette:8").apply(grained(1, 24)[None])

    def made(seed: int, fidelity: float) -> torch.Tensor:
        drawing = Drawing(Sampling("dpm", 1, seed=seed))
        return Restoring("diffusion", engine, fidelity, drawing).prepare("palette:8")(stored)

    assert torch.equal(made(0, 0.0), made(0, 0.0))
    assert not torch.equal(made(0, 0.0), made(1, 0.0))
    assert bool(stored.cells().contains(made(0, 1.0)).all())
    assert not bool(stored.cells().contains(made(0, 0.0)).all())


def test_a_row_says_how_many_views_are_asked_for(engine: Engine) -> None:
    stored = parse_degradation("jpeg:20").apply(grained(1, 32)[None])
    names = ("dequantizernet+", "dequantizernet++once", "dequantizernet++tta")
    usual, once, often = (Restoring(name, engine).prepare("jpeg:20")(stored) for name in names)
    assert not torch.equal(usual, once)
    assert not torch.equal(usual, often)
    usual, once = (Restoring(name, engine).prepare("jpeg:20")(stored) for name in ("cellnet-s", "cellnet-s+once"))
    assert torch.equal(usual, once)


def test_a_restorer_that_searches_has_its_gradients_also_where_nothing_else_has() -> None:
    """Everything is evaluated in inference mode; a GPU's and a modern CPU's engine change the weights' type as well."""
    stored = parse_degradation("m=2").apply(grained(1, 24)[None])
    with torch.inference_mode():
        found = Restoring("map", Engine(torch.device("cpu"), torch.bfloat16, 1)).prepare("m=2")(stored)
    assert (found - stored.tensor()).abs().max() > 1e-3
    assert bool(stored.cells().contains(found).all())
