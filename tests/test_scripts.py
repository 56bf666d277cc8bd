"""The script that writes the README's tables knows each of them and changes nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import update_readme

from vdequant.errors import VdequantError

ROOT = Path(__file__).resolve().parents[1]

TEXT = "before\n<!-- table:main -->\nold\nlines\n<!-- /table -->\nafter <!-- table:speed -->\n<!-- /table -->\n"


def test_a_table_is_replaced_between_its_marks_only() -> None:
    changed = update_readme.written(TEXT, "main", "| new \\1 |")
    assert changed == TEXT.replace("old\nlines", "| new \\1 |")


def test_an_empty_table_is_filled() -> None:
    assert "<!-- table:speed -->\n| new |\n<!-- /table -->" in update_readme.written(TEXT, "speed", "| new |")


def test_a_table_without_marks_is_named() -> None:
    with pytest.raises(VdequantError, match="table:samples"):
        update_readme.written(TEXT, "samples", "| new |")


def test_every_table_of_the_readme_can_be_measured() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- table:(\w+) -->", readme)) <= set(update_readme.TABLES)
