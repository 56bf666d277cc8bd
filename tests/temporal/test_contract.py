"""Every smoother of the table keeps the contract of temporal/base.py."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import pytest
import torch
from torch import Tensor

from vdequant.quantizers.base import Quantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.tolerance import ToleranceQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.quantizers.video import VideoQuantizer
from vdequant.temporal import SMOOTHERS
from vdequant.temporal.base import RestoredFrame, Smoother

KINDS: dict[str, Quantizer] = {
    "levels": UniformQuantizer.of_levels(6),
    "palette": PaletteQuantizer(torch.rand(8, 3, generator=torch.Generator().manual_seed(5))),
    "lossy": ToleranceQuantizer(4 / 255),
    "video": VideoQuantizer(4 / 255),
}


@pytest.fixture(params=SMOOTHERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make(name: str) -> Smoother:
    module, _, cls = SMOOTHERS[name].partition(":")
    made: Smoother = getattr(import_module(module), cls)()
    return made


def scene(seed: int, count: int, *, size: tuple[int, int] = (40, 48), step: int = 1) -> list[Tensor]:
    """A smooth random picture with a bright box that moves over it."""
    coarse = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    ground = torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)
    pictures = []
    for moment in range(count):
        picture = ground.clone()
        picture[..., 4:16, 4 + step * moment : 16 + step * moment] = 0.9
        pictures.append(picture)
    return pictures


def frames(pictures: Sequence[Tensor], kind: str = "levels", first: int = 0) -> list[RestoredFrame]:
    """The pictures stored, and restored by moving each sample a little within its cell."""
    quantizer, made = KINDS[kind], []
    for number, x in enumerate(pictures):
        y = quantizer.quantize(x)
        restored = quantizer.cells(y).project((0.9 * x + 0.1 * x.mean()).clamp(0, 1))
        made.append(RestoredFrame(y, restored, quantizer.cells, origin=first + number))
    return made


def smooth(smoother: Smoother, given: Sequence[RestoredFrame]) -> list[RestoredFrame]:
    ready = [frame for item in given for frame in smoother.push(item)]
    return [*ready, *smoother.flush()]


def blinking(count: int) -> list[Tensor]:
    """A scene in which a box is shown every other frame."""
    pictures = scene(1, count, step=0)
    for picture in pictures[::2]:
        picture[..., 20:36, 20:36] = 0.1
    return pictures


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_every_frame_comes_out_once_in_order_and_in_shape(name: str, kind: str, count: int) -> None:
    given = frames([*scene(1, count), *scene(2, 2)], kind)
    found = smooth(make(name), given)
    assert [frame.origin for frame in found] == list(range(count + 2))
    for before, after in zip(given, found, strict=True):
        assert after.y is before.y
        assert (after.restored.shape, after.restored.dtype) == (before.restored.shape, torch.float32)
        assert 0 <= after.restored.min() <= after.restored.max() <= 1


def test_no_frame_is_held_back_longer_than_the_look_ahead(name: str) -> None:
    smoother, out = make(name), 0
    for number, frame in enumerate(frames(scene(1, 9))):
        out += len(smoother.push(frame))
        assert number + 1 - out <= smoother.look_ahead


@pytest.mark.parametrize("kind", KINDS)
def test_a_still_clip_comes_out_unchanged(name: str, kind: str) -> None:
    given = frames(scene(1, 1) * 6, kind)
    assert all(torch.equal(frame.restored, given[0].restored) for frame in smooth(make(name), given))


def test_what_was_given_is_not_written_to(name: str) -> None:
    given = frames(blinking(8), "lossy")
    before = [(frame.y.clone(), frame.restored.clone()) for frame in given]
    smooth(make(name), given)
    for frame, (y, restored) in zip(given, before, strict=True):
        assert torch.equal(frame.y, y)
        assert torch.equal(frame.restored, restored)


def test_nothing_crosses_a_cut(name: str) -> None:
    dark = [0.2 * x for x in blinking(6)]
    bright = [0.5 + 0.5 * x for x in scene(2, 6)]
    both = smooth(make(name), frames([*dark, *bright], "lossy"))
    alone = [*smooth(make(name), frames(dark, "lossy")), *smooth(make(name), frames(bright, "lossy"))]
    assert all(torch.equal(a.restored, b.restored) for a, b in zip(both, alone, strict=True))


def test_another_size_begins_a_new_shot(name: str) -> None:
    given = [*frames(scene(1, 4)), *frames(scene(1, 4, size=(32, 40)), first=4)]
    found = smooth(make(name), given)
    assert [tuple(frame.restored.shape) for frame in found] == [tuple(frame.y.shape) for frame in given]


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (15, 64)])
def test_tiny_pictures_pass(name: str, size: tuple[int, int]) -> None:
    pictures = [torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(i)) for i in range(6)]
    assert len(smooth(make(name), frames(pictures))) == 6


def test_equal_clips_give_equal_results_and_a_flushed_smoother_is_as_new(name: str) -> None:
    smoother = make(name)
    first, second = (smooth(smoother, frames(blinking(8), "lossy")) for _ in range(2))
    third = smooth(make(name), frames(blinking(8), "lossy"))
    for results in zip(first, second, third, strict=True):
        assert torch.equal(results[0].restored, results[1].restored)
        assert torch.equal(results[0].restored, results[2].restored)


def test_a_frame_does_not_depend_on_what_lies_beyond_the_look_ahead(name: str) -> None:
    smoother = make(name)
    last = smoother.look_ahead + 8
    pictures = blinking(last + 1)
    changed = [*pictures[:last], torch.rand_like(pictures[last])]
    end = last - smoother.look_ahead
    one, other = (smooth(make(name), frames(clip, "lossy"))[:end] for clip in (pictures, changed))
    assert all(torch.equal(a.restored, b.restored) for a, b in zip(one, other, strict=True))


def test_what_is_held_does_not_grow_with_the_clip(name: str) -> None:
    smoother = make(name)
    given = frames(blinking(8), "lossy")
    held = []
    for number in range(160):
        smoother.push(given[number % 8])
        held.append(_tensors(smoother))
    assert max(held[64:112]) == max(held[112:]) <= 32 + 4 * smoother.look_ahead


def _tensors(thing: object, seen: set[int] | None = None) -> int:
    """How many arrays and tensors an object holds."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor) or type(thing).__name__ == "ndarray":
        return 1
    slots = getattr(type(thing), "__slots__", ())
    inner = list(thing) if isinstance(thing, (list, tuple, set)) or type(thing).__name__ == "deque" else []
    inner += list(getattr(thing, "__dict__", {}).values()) + [getattr(thing, slot, None) for slot in slots]
    return sum(_tensors(part, seen) for part in inner)
