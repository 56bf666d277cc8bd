"""The samples are what their README says."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
ROW = re.compile(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", flags=re.MULTILINE)
LISTED = dict(ROW.findall((SAMPLES / "README.md").read_text(encoding="utf-8")))
RECIPES = SAMPLES / "recorders"  # see test_recorders.py
SHOWN = [p for p in SAMPLES.rglob("*") if p.is_file() and p.name != "README.md" and RECIPES not in p.parents]
FILES = sorted(str(p.relative_to(SAMPLES)) for p in SHOWN)


def test_every_sample_has_a_row_and_every_row_a_sample() -> None:
    assert sorted(LISTED) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_sample_is_small_and_has_the_listed_checksum(name: str) -> None:
    content = (SAMPLES / name).read_bytes()
    assert len(content) <= 1_000_000
    assert hashlib.sha256(content).hexdigest() == LISTED[name]
