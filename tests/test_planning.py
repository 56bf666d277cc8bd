"""What is decided before anything is restored."""

from __future__ import annotations

from pathlib import Path

import make
import pytest

from vdequant.pipeline import probe
from vdequant.planning import cost_words
from vdequant.settings import Settings


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Levels of a video."""
    make.clip(tmp_path / "in.mkv", size=(48, 64))
    return tmp_path / "in.mkv"


def test_a_processor_gets_the_smaller_network_for_video_and_the_larger_one_for_pictures(
    clip: Path, tmp_path: Path
) -> None:
    make.picture(tmp_path / "in.png", size=(48, 64))
    chosen = Settings(quantizer="5-5-5", device="cpu")
    assert probe(str(clip), chosen).restorer == "cellnet-s"
    assert probe(str(tmp_path / "in.png"), chosen).restorer == "cellnet-m"


def test_where_nothing_was_lost_nothing_is_done(clip: Path) -> None:
    plan = probe(str(clip), Settings(quantizer="none", device="cpu"))
    assert plan.restorer == "identity"
    assert not plan.dithered
    assert plan.temporal == "off"


def test_the_network_that_is_asked_for_is_taken_where_nothing_was_lost(clip: Path) -> None:
    assert probe(str(clip), Settings(quantizer="none", restorer="cellnet-s", device="cpu")).restorer == "cellnet-s"


def test_levels_that_are_stated_are_restored_where_the_picture_looks_fine(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", size=(48, 64), noise=True)
    assert probe(str(tmp_path / "in.mkv"), Settings(quantizer="m=32", device="cpu")).restorer == "cellnet-s"


def test_the_time_that_a_slow_restorer_takes_is_no_promise() -> None:
    assert cost_words(1.25, None, 2) == "; about 1.2 s a picture"
    assert cost_words(30.0, 600, 2) == "; about 30 s a frame, 2 h in all"
