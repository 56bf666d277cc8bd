"""`--restorer map` on the command line: levels, black and white with a threshold known or not, the plan and the bar."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import cv2
import numpy as np
import pytest

from vdequant.cli.console import Console
from vdequant.cli.main import main
from vdequant.cli.progress import Progress
from vdequant.models.prior import Encoder, Generator, PriorSpec
from vdequant.models.prior_weights import Prior, write_prior


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("prior") / "tiny.safetensors"
    spec = PriorSpec(4, (8, 8))
    write_prior(Prior(Generator(spec), Encoder(spec)), path)
    return str(path)


def picture(path: Path, levels: int, *, gray: bool = False) -> str:
    """A ramp at the centers of equal cells; black and white of two levels."""
    y, x = np.mgrid[:12, :20]
    planes = np.stack([x / 20, y / 12, (x + y) / 32], -1)
    planes = np.repeat(planes[..., :1], 3, -1) if gray else planes
    index = np.floor(planes * levels)
    stored = index / (levels - 1) if gray and levels == 2 else (index + 0.5) / levels
    cv2.imwrite(str(path), (stored * 65535).round().astype(np.uint16))
    return str(path)


def run(*words: str) -> int:
    return main([*words, "--native-grid", "off"])


def test_levels_are_restored_within_their_cells(prior: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.png"
    assert run(picture(tmp_path / "in.png", 2), "-o", str(out), "--restorer", prior, "--quantizer", "m=2") == 0
    told = capsys.readouterr().err
    assert "; about" in told
    assert "100 % of samples land back in their cell" in told
    restored = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
    assert restored.shape == (12, 20, 3)
    assert len(np.unique(restored)) > 2


@pytest.mark.parametrize("words", [("gray:otsu",), ("gray:0.5", "--unknown-threshold"), ("grey:m=4",)])
def test_gray_pictures_are_colored(prior: str, tmp_path: Path, words: tuple[str, ...]) -> None:
    levels = 4 if "m=4" in words[0] else 2
    out = tmp_path / "out.png"
    source = picture(tmp_path / "in.png", levels, gray=True)
    assert run(source, "-o", str(out), "--restorer", prior, "--quantizer", *words) == 0
    restored = cv2.imread(str(out), cv2.IMREAD_UNCHANGED).astype(int)
    assert np.ptp(restored, axis=-1).max() > 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--restorer", "cellnet-s", "--quantizer", "gray:0.5"), "expects --restorer map"),
        (("--restorer", "PRIOR", "--quantizer", "m=2"), "expects --quantizer gray:0.5"),
        (("--restorer", "PRIOR"), "expects --quantizer gray:0.5"),
    ],
)
def test_an_unknown_threshold_needs_what_can_estimate_it(
    prior: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], expected: str
) -> None:
    words = tuple(prior if word == "PRIOR" else word for word in words)
    source = picture(tmp_path / "in.png", 2, gray=True)
    assert run(source, "-o", str(tmp_path / "out.png"), "--unknown-threshold", *words) != 0
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_the_objective_fall() -> None:
    with contextlib.redirect_stderr(Terminal()) as stream, Progress(Console()) as progress:
        for done in range(4):
            progress.searched(done, 4, 12345.6 - done)
            progress._bar.refresh()
        progress.progressed(1, 1)
    shown = stream.getvalue()
    assert "searching" in shown
    assert "objective 12,3" in shown
    assert "/1 frames" in shown


def test_a_log_file_gets_no_search_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(Console()) as progress:
        progress.searched(0, 4, 1.0)
    assert capsys.readouterr().err == ""
