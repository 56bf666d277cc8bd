"""The results of one method on one degradation, and the folder where finished ones are kept."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Key = Mapping[str, object]  # everything that a row depends on


@dataclass(frozen=True, slots=True)
class Row:
    """One method on one degradation.

    Attributes:
        method, degradation: names.
        pictures: names of the pictures, in order; none of published rows.
        values: metric -> one value a picture (or one for the whole set, of "fid").
        seconds: a picture, the median, without loading weights. 0 for the truth and for published rows.
        peak: most bytes that a picture added to the memory in use; None where unknown.
        note: why there are no values, when there are none.
    """

    method: str
    degradation: str
    pictures: tuple[str, ...] = ()
    values: dict[str, tuple[float, ...]] = field(default_factory=dict)
    seconds: float = 0.0
    peak: int | None = None
    note: str = ""

    def mean(self, metric: str) -> float:
        """Mean over the pictures that have a value; nan when none has."""
        known = [value for value in self.values.get(metric, ()) if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan


def _packed(row: Row) -> dict[str, object]:
    """As JSON holds it: numbers that are none become words, which ``float`` reads again."""
    values = {
        metric: [value if math.isfinite(value) else str(value) for value in row.values[metric]] for metric in row.values
    }
    return asdict(row) | {"values": values}


def _unpacked(found: dict[str, Any]) -> Row:
    values = {metric: tuple(float(value) for value in each) for metric, each in found["values"].items()}
    return Row(**{**found, "values": values, "pictures": tuple(found["pictures"])})


class Cache:
    """Finished rows as small JSON files, so that a long run can be interrupted and go on.

    Args:
        folder: where they are; None keeps nothing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def _path(self, key: Key) -> Path | None:
        name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
        return self.folder / f"{name}.json" if self.folder else None

    def get(self, key: Key) -> Row | None:
        """The row that was kept for ``key``."""
        path = self._path(key)
        if path is None or not path.is_file():
            return None
        return _unpacked(json.loads(path.read_text(encoding="utf-8"))["row"])

    def put(self, key: Key, row: Row) -> Row:
        """Keep a row that has values, and give it back.

        It is written beside its name and then renamed, so that no half of one is ever found.
        """
        path = self._path(key)
        if path is None or row.note:
            return row
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps({"key": key, "row": _packed(row)}, indent=1), encoding="utf-8")
        beside.replace(path)
        return row
