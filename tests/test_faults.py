"""The table of faults (``scripts/fault_table.py``): some trials of each row, and with ``-m slow`` all of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_bench import OPTIONS, Bench, content, film, missing
from fault_kinds import KINDS
from fault_lab import Lab
from fault_table import ROWS

NAMES = {str(row.__doc__): (row, count) for row, count in ROWS.items()}
# What no test of a single part covers, or what matters most; the rest is tried with the whole table.
SOME = (
    "kill -9 at a random moment",
    "power",
    "torn",
    "disk full",
    "swallowed",
    "too little memory",
)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as opened:
        yield opened


@pytest.fixture(scope="module")
def bench(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(lab, tmp_path_factory.mktemp("faults"), frames=40)


@pytest.mark.parametrize("name", [name for name in NAMES if any(word in name for word in SOME)])
def test_a_fault_is_survived_without_losing_a_frame(name: str, bench: Bench) -> None:
    row, _ = NAMES[name]
    outcomes = list(row(bench, 1, random.Random(0)))
    assert outcomes
    assert [(outcome.lost, outcome.why) for outcome in outcomes] == [(0, "")] * len(outcomes)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_trial_of_the_table_is_survived(name: str, lab: Lab, tmp_path: Path) -> None:
    row, count = NAMES[name]
    outcomes = list(row(Bench(lab, tmp_path), count, random.Random(1)))
    assert len(outcomes) >= count
    assert [(outcome.lost, outcome.why) for outcome in outcomes] == [(0, "")] * len(outcomes)


def test_the_faults_strike(lab: Lab, tmp_path: Path) -> None:
    source = film(tmp_path / "in.mkv", 40)
    for fault, number in {"worker crashed": 5, "encoder broke": 20, "killed at a frame": 20, "disk full": 2000}.items():
        run = lab.run(source, "-o", tmp_path / "out.mkv", *OPTIONS, fault=fault, number=number)
        assert run.code not in (0, 2)
        assert not (tmp_path / "out.mkv").exists()
    assert {"SIGTERM", "Ctrl-C", "little memory"} <= set(KINDS)


def test_a_lost_frame_is_counted(lab: Lab, tmp_path: Path) -> None:
    bench = Bench(lab, tmp_path)
    wanted = bench.wanted(film(tmp_path / "in.mkv", 40))
    assert len(wanted) == 40
    assert missing(wanted[:7] + wanted[8:], wanted) == 1
    assert missing([(time, samples[::-1]) for time, samples in wanted], wanted) == 40
    assert content(tmp_path / "whole0.mkv") == wanted


def test_an_exit_code_that_was_not_expected_is_noticed(lab: Lab, tmp_path: Path) -> None:
    bench, source = Bench(lab, tmp_path), film(tmp_path / "in.mkv", 20)
    outcome = bench.strike(source, "worker crashed", 5, codes=(77,))
    assert "exit code 1" in outcome.why
