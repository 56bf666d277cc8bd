from __future__ import annotations

import sys
from types import ModuleType

import pytest

from vdequant.edits.colormaps import palette_of_colormap, palette_of_words
from vdequant.edits.mapping import as_hex
from vdequant.errors import UsageError


class _Maps(ModuleType):
    """Stands for matplotlib where it is not installed."""

    colormaps = {"ramp": lambda place: (place, 0.5, 1.0, 1.0)}  # noqa: RUF012


def test_a_list_of_colors_is_read_in_order_without_repetition() -> None:
    assert [as_hex(color) for color in palette_of_words("#aa0000,#00bb00, #aa0000")] == ["#aa0000", "#00bb00"]
    with pytest.raises(UsageError, match="--from"):
        palette_of_words("#aa0000,green")


def test_a_color_map_is_sampled_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", _Maps("matplotlib"))
    found = palette_of_colormap("matplotlib:ramp", 3)
    assert [as_hex(color) for color in found] == ["#0080ff", "#8080ff", "#ff80ff"]
    with pytest.raises(UsageError, match="color map's name"):
        palette_of_colormap("matplotlib:nothing", 3)


def test_without_matplotlib_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match="pip install matplotlib"):
        palette_of_colormap("matplotlib:viridis", 16)
