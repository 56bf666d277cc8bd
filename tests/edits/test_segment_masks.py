from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vdequant.edits.segment_masks import choose_mask, decode_counts, read_masks
from vdequant.errors import InputError, UsageError

SIZE = (9, 6)


def lengths(bits: np.ndarray) -> list[int]:
    """Run lengths, columns first, the first one outside."""
    flat = bits.T.flatten()
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, len(flat)]).tolist()
    return [0, *runs] if flat[0] else runs


def compressed(counts: list[int]) -> str:
    """COCO's text for run lengths, after its description: an independent writer."""
    text = ""
    for place, count in enumerate(counts):
        value = count - counts[place - 2] if place > 2 else count
        while True:
            group, value = value & 31, value >> 5
            done = value == (-1 if group & 16 else 0)
            text += chr(48 + (group if done else group | 32))
            if done:
                break
    return text


def masks() -> list[np.ndarray]:
    first, second = np.zeros(SIZE[::-1], bool), np.zeros(SIZE[::-1], bool)
    first[1:5, 2:8] = True
    second[2:4, 0:3] = True
    return [first, second]


def test_compressed_run_lengths_are_read() -> None:
    counts = [0, 5, 1000, 3, 70000, 1, 2]
    assert decode_counts(compressed(counts)) == counts


@pytest.mark.parametrize("packed", [True, False], ids=["compressed", "numbers"])
@pytest.mark.parametrize("shape", ["list", "sa-1b", "single"])
def test_every_form_of_json_gives_the_masks(tmp_path: Path, packed: bool, shape: str) -> None:
    rows = [
        {"segmentation": {"size": [6, 9], "counts": compressed(lengths(m)) if packed else lengths(m)}} for m in masks()
    ]
    content = {"list": rows, "sa-1b": {"image": {}, "annotations": rows}, "single": rows[0]}[shape]
    path = tmp_path / "masks.json"
    path.write_text(json.dumps(content))
    found = read_masks(str(path), SIZE)
    assert all(np.array_equal(one, other) for one, other in zip(found, masks(), strict=shape != "single"))


@pytest.mark.parametrize("several", [True, False])
def test_arrays_are_read(tmp_path: Path, several: bool) -> None:
    path = tmp_path / "masks.npy"
    np.save(path, np.stack(masks()) if several else masks()[0])
    found = read_masks(str(path), SIZE)
    assert np.array_equal(found[0], masks()[0])
    assert len(found) == (2 if several else 1)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "masks.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="no masks"):
        read_masks(str(path), SIZE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        "{}",
        '[{"segmentation": {"size": [6, 9], "counts": [53]}}]',
        '[{"segmentation": {"size": [6, 9], "counts": [-1, 55]}}]',
        '[{"segmentation": {"size": [6, 9], "counts": "\\u00ff"}}]',
        '[{"segmentation": {"size": [6, 9], "counts": "o"}}]',
        '[{"segmentation": [[1, 2, 3, 4, 5, 6]]}]',
    ],
)
def test_damaged_files_are_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "masks.json"
    path.write_text(text)
    with pytest.raises(InputError, match="no masks") as caught:
        read_masks(str(path), SIZE)
    assert "\n" not in str(caught.value)


def test_masks_of_another_size_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", masks()[0])
    (tmp_path / "m.json").write_text(json.dumps({"size": [6, 9], "counts": [54]}))
    for name in ("m.npy", "m.json"):
        with pytest.raises(InputError, match="expected a mask of 10x6 pixels"):
            read_masks(str(tmp_path / name), (10, 6))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_masks(str(tmp_path / "none.json"), SIZE)


def test_a_mask_is_chosen_by_number_or_by_a_pixel_in_it() -> None:
    first, second = masks()
    assert choose_mask([first, second], index=1, point=None) is second
    assert choose_mask([first, second], index=None, point=(2, 2)) is second  # both hold it, this one is smaller
    assert choose_mask([first], index=None, point=None) is first
    with pytest.raises(UsageError, match="choose among 2"):
        choose_mask([first, second], index=None, point=None)
    with pytest.raises(UsageError, match="0 to 1"):
        choose_mask([first, second], index=2, point=None)
    with pytest.raises(UsageError, match="8,5"):
        choose_mask([first, second], index=None, point=(8, 5))
