from __future__ import annotations

import json

import pytest
import torch

from vdequant.edits.mapping import PaletteMapping, apply_changes, as_hex, as_tensor, from_json, parse_color, to_json
from vdequant.errors import InputError, UsageError


def mapping(frame: int = 0) -> PaletteMapping:
    source = as_tensor([(170, 0, 0), (0, 0, 170), (255, 255, 255)])
    return PaletteMapping(source, source.flip(0), torch.tensor([0.5, 0.25, 0.25]), frame)


def test_a_color_survives_being_written_and_read() -> None:
    assert parse_color("#0180ff") == (1, 128, 255)
    assert as_hex(as_tensor([(1, 128, 255)])[0]) == "#0180ff"


@pytest.mark.parametrize("text", ["red", "#12345", "#1234567", "#12345g", ""])
def test_what_is_no_color_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="#rrggbb"):
        parse_color(text)


def test_every_pixel_becomes_the_partner_of_its_nearest_color() -> None:
    x = as_tensor([(160, 10, 0), (250, 250, 250)]).T.reshape(1, 3, 1, 2)
    expected = as_tensor([(255, 255, 255), (170, 0, 0)]).T.reshape(1, 3, 1, 2)
    assert torch.equal(mapping().quantized(x), expected)


def test_a_file_gives_back_what_was_written() -> None:
    written = [mapping(), mapping(24)]
    read = from_json(to_json(written), "m.json")
    assert [one.frame for one in read] == [0, 24]
    for one, other in zip(read, written, strict=True):
        assert torch.equal(one.source, other.source)
        assert torch.equal(one.target, other.target)
        assert torch.equal(one.shares, other.shares)


def test_a_change_finds_the_nearest_color_and_leaves_the_others() -> None:
    (changed,) = apply_changes([mapping()], ["#a00808=#00ff00"])
    assert [as_hex(color) for color in changed.target] == ["#00ff00", "#0000aa", "#aa0000"]
    assert as_hex(mapping().target[0]) == "#ffffff"


def test_a_change_applies_to_the_shots_that_have_the_color() -> None:
    gray = PaletteMapping(torch.full((1, 3), 0.5), torch.full((1, 3), 0.5), torch.ones(1), 8)
    first, second = apply_changes([mapping(), gray], ["#aa0000=#00ff00"])
    assert as_hex(first.target[0]) == "#00ff00"
    assert torch.equal(second.target, gray.target)


@pytest.mark.parametrize(
    ("text", "words"),
    [("#aa0000", "from and to"), ("#aa0000=", "#rrggbb"), ("#00ff00=#aa0000", "none near: #aa0000, #0000aa, #ffffff")],
)
def test_a_change_that_means_nothing_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        apply_changes([mapping()], [text])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"vdequant": "palette mapping", "version": 2, "shots": []}',
        '{"vdequant": "palette mapping", "version": 1, "shots": []}',
        '{"vdequant": "palette mapping", "version": 1, "shots": [{"frame": 0, "map": []}]}',
        '{"vdequant": "palette mapping", "version": 1, "shots": [{"frame": 0, "map": [{"from": "#aa0000"}]}]}',
        '{"vdequant": "palette mapping", "version": 1, "shots": [{"frame": 0, "map": [3]}]}',
        to_json([mapping()]).replace('"frame": 0', '"frame": 0.5'),
        "[" * 100000,
    ],
    ids=str.__len__,
)
def test_a_file_that_is_no_mapping_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError, match=r"m\.json is not a mapping") as caught:
        from_json(text, "m.json")
    assert "\n" not in str(caught.value)


def test_shots_out_of_order_are_refused() -> None:
    shots = json.loads(to_json([mapping(), mapping(5)]))
    shots["shots"].reverse()
    with pytest.raises(InputError, match="rising frames"):
        from_json(json.dumps(shots), "m.json")
