"""Frames that a folder lacks, by the numbers of its files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise


def _numbered(names: Sequence[str]) -> list[int]:
    """The one number by which names of one kind differ; none where they differ otherwise."""
    parts = [re.split(r"(\d+)", name) for name in names]
    if len({len(each) for each in parts}) != 1:
        return []
    varying = [i for i, column in enumerate(zip(*parts, strict=True)) if len(set(column)) > 1]
    return [int(each[varying[0]]) for each in parts] if len(varying) == 1 and varying[0] % 2 else []


def missing_numbers(names: Sequence[str]) -> str:
    """One line about gaps between the numbers of file names in order; "" where there are none.

    Numbers that rise by 2 throughout, or that are times and rise by anything, have no gaps: most of the steps have to
    be the smallest one.
    """
    numbers = _numbered(names)
    steps = [after - before for before, after in pairwise(numbers)]
    usual = min(steps, default=0)
    if usual < 1 or 2 * steps.count(usual) <= len(steps) or max(steps) == usual:
        return ""
    missing = [
        number
        for before, step in zip(numbers, steps, strict=False)
        if step % usual == 0
        for number in range(before + usual, before + step, usual)
    ]
    if not missing:
        return ""
    at = next(i for i, step in enumerate(steps) if step > usual)
    which = f"frame {missing[0]} is" if len(missing) == 1 else f"{len(missing)} frames from {missing[0]} on are"
    return f"{which} missing, first between {names[at]} and {names[at + 1]}; the others are taken for all there are"
