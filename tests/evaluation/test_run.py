"""The whole measurement on two small pictures: what every row holds, what is kept, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from make import clip, enlarged_clip, grained
from torch import Tensor

from vdequant.errors import InputError, ModelError, UsageError, VdequantError
from vdequant.evaluation.datasets import Item, find_items
from vdequant.evaluation.degradations import Stored, parse_degradation, to_tensor
from vdequant.evaluation.methods import Restoring
from vdequant.evaluation.run import TRUTH, Evaluation, evaluate
from vdequant.evaluation.scores import OTHERS, SCORES
from vdequant.evaluation.set_features import SET_FEATURES
from vdequant.metrics import METRICS
from vdequant.schedule.device import Engine


class Counting:
    """A method that brightens by one code, and counts its work."""

    name = "brighter"

    def __init__(self, setting: str = "1") -> None:
        self.setting = setting
        self.calls = 0

    def key(self, degradation: str) -> str:
        return f"{self.name} {self.setting}"

    def prepare(self, degradation: str) -> Callable[[Stored], Tensor]:
        def work(stored: Stored) -> Tensor:
            self.calls += 1
            return (stored.tensor() + 1 / 255).clamp(0, 1)

        return work


class Failing(Counting):
    """A method whose program is not there."""

    name = "absent"

    def prepare(self, degradation: str) -> Callable[[Stored], Tensor]:
        raise InputError("expected the program absent, found none")


@pytest.fixture
def items(pictures: Path) -> tuple[Item, ...]:
    return find_items([pictures])


def run(items: tuple[Item, ...], methods: list[Counting], engine: Engine, *metrics: str, cache: Path | None = None,
        losses: tuple[str, ...] = ("m=8",)) -> Evaluation:  # fmt: skip
    degradations = [parse_degradation(loss) for loss in losses]
    return evaluate(items, degradations, methods, engine=engine, metrics=metrics or ("psnr",), cache=cache)


def test_doing_nothing_is_always_the_first_row_and_agrees_with_numpy(items: tuple[Item, ...], engine: Engine) -> None:
    found = run(items, [Counting()], engine)
    assert found.methods == ("nothing", "brighter")
    expected = []
    for item in items:
        truth = item.read()[0].astype(np.float64)
        expected.append(10 * math.log10(255**2 / np.mean((truth - (truth // 32 * 32 + 16)) ** 2)))
    assert found.row("nothing", "m=8").values["psnr"] == pytest.approx(expected, abs=1e-6)
    assert found.row("nothing", "m=8").mean("psnr") == pytest.approx(sum(expected) / 2)


def test_every_row_says_its_pictures_seconds_and_memory(items: tuple[Item, ...], engine: Engine) -> None:
    row = run(items, [Counting()], engine).row("brighter", "m=8")
    assert row.pictures == ("a.png", "b.webp")
    assert 0 < row.seconds < 1
    assert row.peak is None or row.peak >= 0


@pytest.mark.parametrize("metric", [name for name in METRICS if name != "lpips"])
def test_every_metric_of_the_table_can_be_a_column(metric: str, items: tuple[Item, ...], engine: Engine) -> None:
    row = run(items, [Counting()], engine, metric).row("brighter", "m=8")
    assert len(row.values[metric]) == 2
    assert all(math.isfinite(value) or metric.startswith("palette-") for value in row.values[metric])


@pytest.mark.parametrize("metric", OTHERS)
def test_scores_of_clips_can_be_columns_too(metric: str, tmp_path: Path, engine: Engine) -> None:
    clip(tmp_path / "clip.mkv", count=2, size=(32, 216))
    try:
        found = run(find_items([tmp_path]), [Counting()], engine, metric)
    except InputError as error:
        pytest.skip(str(error))
    assert math.isfinite(found.row("brighter", "m=8").mean(metric)) or metric == "flicker"  # everything moves


def test_pictures_too_small_for_cambi_have_no_value(items: tuple[Item, ...], engine: Engine) -> None:
    assert math.isnan(run(items, [], engine, "cambi").row("nothing", "m=8").mean("cambi"))


def test_the_truths_own_score_stands_beside_banding(items: tuple[Item, ...], engine: Engine) -> None:
    found = run(items, [], engine, "psnr", "banding")
    assert found.methods == ("nothing", TRUTH)
    assert found.row(TRUTH, "m=8").mean("banding") < found.row("nothing", "m=8").mean("banding")


def test_fid_is_one_number_of_the_whole_set(
    items: tuple[Item, ...], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SET_FEATURES, "fid", lambda: lambda x: x.mean(dim=(2, 3)))
    found = run(items, [Counting()], engine, "fid")
    assert len(found.row("brighter", "m=8").values["fid"]) == 1
    assert found.row("brighter", "m=8").mean("fid") > 0


def test_the_distance_of_sets_that_needs_no_file_grows_with_the_loss(items: tuple[Item, ...], engine: Engine) -> None:
    found = run(items, [], engine, "fd-cellnet", losses=("m=4", "m=8", "m=64"))
    coarse, middle, fine = (found.row("nothing", loss).mean("fd-cellnet") for loss in ("m=4", "m=8", "m=64"))
    assert coarse > middle > fine > 0


def test_fid_without_weights_is_a_model_error(
    items: tuple[Item, ...], engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("VDEQUANT_INCEPTION", raising=False)
    with pytest.raises(ModelError, match="Inception"):
        run(items, [], engine, "fid")


def test_a_method_that_cannot_run_leaves_a_note_and_the_others_go_on(items: tuple[Item, ...], engine: Engine) -> None:
    found = run(items, [Failing(), Counting()], engine)
    assert "found none" in found.row("absent", "m=8").note
    assert math.isnan(found.row("absent", "m=8").mean("psnr"))
    assert found.row("brighter", "m=8").values


def test_rows_in_the_cache_are_not_measured_again(items: tuple[Item, ...], engine: Engine, tmp_path: Path) -> None:
    method = Counting()
    first = run(items, [method], engine, "psnr", "palette-psnr", cache=tmp_path / "cache")
    calls = method.calls
    again = run(items, [method], engine, "psnr", "palette-psnr", cache=tmp_path / "cache")
    assert method.calls == calls > 0
    assert again == first
    assert math.isinf(again.row("nothing", "m=8").mean("palette-psnr"))


def test_other_settings_pictures_and_losses_are_measured_anew(
    items: tuple[Item, ...], engine: Engine, tmp_path: Path
) -> None:
    run(items, [Counting()], engine, cache=tmp_path)
    for changed in ({"methods": [Counting("2")]}, {"items": items[:1]}, {"losses": ("m=4",)}):
        method = Counting("2") if "methods" in changed else Counting()
        run(changed.get("items", items), [method], engine, cache=tmp_path, losses=changed.get("losses", ("m=8",)))  # type: ignore[arg-type]
        assert method.calls > 0


def test_rows_that_failed_are_tried_again(items: tuple[Item, ...], engine: Engine, tmp_path: Path) -> None:
    run(items, [Failing()], engine, cache=tmp_path)
    assert run(items, [Failing()], engine, cache=tmp_path).row("absent", "m=8").note


def test_an_unknown_metric_is_refused_with_the_list(items: tuple[Item, ...], engine: Engine) -> None:
    with pytest.raises(UsageError, match="ssim-uniform"):
        run(items, [], engine, "beauty")
    assert "beauty" not in SCORES


def test_nothing_to_measure_is_refused(engine: Engine) -> None:
    with pytest.raises(VdequantError, match="at least one picture"):
        run((), [], engine)


def test_an_unknown_restorer_is_refused_with_the_list(engine: Engine) -> None:
    with pytest.raises(UsageError, match="cellnet-s"):
        Restoring("magic", engine)


@pytest.mark.parametrize("loss", ["m=8", "palette:8", "palette:8+fs", "jpeg:30"])
def test_a_restorer_is_told_the_true_cells(loss: str, pictures: Path, engine: Engine) -> None:
    item = find_items([pictures])[0]
    stored = parse_degradation(loss).apply(item.read())
    restored = Restoring("deband", engine).prepare(loss)(stored)
    assert restored.shape == stored.tensor().shape
    assert torch.isfinite(restored).all()
    if loss != "palette:8+fs" and not loss.startswith("jpeg"):
        assert bool(stored.cells().contains(restored).all())
        assert not torch.equal(restored, stored.tensor())
    assert float((restored - to_tensor(item.read())).abs().mean()) < 0.1


def test_a_restorers_key_follows_its_weights(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = Restoring("cellnet-s", engine).key("m=8")
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"other weights")
    monkeypatch.setattr("vdequant.restorers.loading.packaged", lambda name: other)
    assert Restoring("cellnet-s", engine).key("m=8") != before


def test_a_lossy_clip_is_steadier_behind_a_smoother(tmp_path: Path, engine: Engine) -> None:
    scene = np.repeat(grained(1, 64)[None], 24, 0)
    for moment, picture in enumerate(scene):
        left = 4 * moment % 52
        picture[8:24, left : left + 12] = (240, 30, 20)  # its color bleeds into what stands still
    enlarged_clip(tmp_path / "clip.mkv", list(scene), (1, 1), crf=0)
    methods = [Restoring("identity", engine), Restoring("identity+flow", engine)]
    found = run(find_items([tmp_path]), methods, engine, "flicker", losses=("x264:34",))
    nothing, alone, smoothed = (found.row(name, "x264:34").mean("flicker") for name in found.methods)
    assert nothing == pytest.approx(alone)
    assert 0 < smoothed < 0.8 * alone


def test_an_unknown_addition_to_a_restorer_is_refused(engine: Engine) -> None:
    with pytest.raises(UsageError, match=r"\+tta, \+once, \+lock, \+flow"):
        Restoring("identity+magic", engine)


def test_a_plus_may_be_the_end_of_a_restorers_own_name(engine: Engine) -> None:
    assert Restoring("pix2pix-fq+", engine).base == "pix2pix-fq+"
    doubled = Restoring("pix2pix-fq++tta", engine)
    assert (doubled.base, doubled.additions) == ("pix2pix-fq+", ["tta"])
    assert Restoring("pix2pix-fq+tta", engine).base == "pix2pix-fq"


def test_a_key_has_the_checksums_of_all_weights_that_a_restorer_uses(engine: Engine) -> None:
    alone, joined = (Restoring(name, engine).key("m=8").split() for name in ("pix2pix-fq", "pix2pix-fq+"))
    assert len(joined) == len(alone) + 4  # cellnet's, for levels, palettes, codecs and halftones
