"""Numbers of a run go to trackers that are installed; those that are not are named in one line."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vdequant.errors import UsageError
from vdequant.training.tracking import NoTracker, TensorBoard, WeightsAndBiases, make_tracker


class Writer:
    """Has the methods of both packages, and remembers what it was told."""

    def __init__(self, **words: Any) -> None:
        self.words = words
        self.told: list[tuple[Any, ...]] = []
        self.closed = False

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.told.append((step, name, value))

    def log(self, values: dict[str, float], step: int) -> None:
        self.told += [(step, name, value) for name, value in values.items()]

    def close(self) -> None:
        self.closed = True

    finish = close


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_what_is_not_installed_is_named_with_its_remedy(name: str, tmp_path: Path) -> None:
    if find_spec(name) is not None:
        pytest.skip(f"{name} is installed here")
    with pytest.raises(UsageError, match=f"expected {name} for --track {name}, found none: pip install {name}"):
        make_tracker(name, tmp_path)


def test_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected --track as one of tensorboard, wandb, got 'mlflow'"):
        make_tracker("mlflow", tmp_path)


def test_tensorboard_gets_every_number_with_its_step(tmp_path: Path) -> None:
    tracker = TensorBoard(SimpleNamespace(SummaryWriter=Writer), tmp_path)
    tracker.add(7, {"loss": 0.5, "rate": 1e-3})
    tracker.close()
    assert tracker.writer.words == {"log_dir": str(tmp_path)}
    assert tracker.writer.told == [(7, "loss", 0.5), (7, "rate", 1e-3)]
    assert tracker.writer.closed


def test_weights_and_biases_goes_on_with_the_run_of_that_name(tmp_path: Path) -> None:
    tracker = WeightsAndBiases(SimpleNamespace(init=Writer), tmp_path / "alef")
    tracker.add(7, {"loss": 0.5})
    tracker.close()
    assert tracker.run.words["id"] == "alef"
    assert tracker.run.words["resume"] == "allow"
    assert tracker.run.told == [(7, "loss", 0.5)]
    assert tracker.run.closed


def test_no_tracker_is_needed(tmp_path: Path) -> None:
    tracker = make_tracker("", tmp_path)
    tracker.add(1, {"loss": 0.5})
    tracker.close()
    assert isinstance(tracker, NoTracker)
    assert list(tmp_path.iterdir()) == []
