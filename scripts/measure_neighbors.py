"""What --neighbors gains on clips that are noisy, or dithered otherwise in every frame (the README's figures).

python scripts/measure_neighbors.py PICTURES [--limit 4] [--frames 8] [--side 144] [--restorer cellnet-s]

Of every picture of a folder a part stands still, or moves by whole pixels; it is quantized frame by frame, written
without loss and restored as the command line would. Printed are, as means over the pictures, dB over doing nothing,
and flicker and warping error of all the ways: each frame by itself, smoothed (lock, flow), with one and two neighbors
on each side, and with two of them and flow.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from measure_flicker import pictures_of
from PIL import Image
from torch import Tensor
from torch.nn import functional

from vdequant.evaluation.datasets import find_items
from vdequant.evaluation.degradations import to_tensor
from vdequant.metrics.fidelity import psnr
from vdequant.metrics.temporal import flicker, warping_error
from vdequant.pipeline import restore
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.dither_orders import thresholds
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.spec import parse_quantizer, resolve
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.settings import Settings

STEP = 1, 2  # pixels down and across that a panning scene moves in a frame
WAYS: dict[str, dict[str, object]] = {
    "alone": {"temporal": "off"},
    "lock": {"temporal": "lock"},
    "flow": {"temporal": "flow"},
    "1 neighbor": {"temporal": "off", "neighbors": 1},
    "2 neighbors": {"temporal": "off", "neighbors": 2},
    "2, flow": {"temporal": "flow", "neighbors": 2},
}


@dataclass(frozen=True)
class Loss:
    """How the frames of a clip were stored.

    Attributes:
        name: of the row.
        quantizer: as on the command line.
        dither: the same.
        store: true clip ``(T, 3, H, W)`` to stored one.
    """

    name: str
    quantizer: str
    dither: str
    store: Callable[[Tensor], Tensor]


def levels(text: str) -> UniformQuantizer:
    """The quantizer of a text such as "m=8"."""
    made = resolve(parse_quantizer(text), [])
    if not isinstance(made, UniformQuantizer):
        raise TypeError(f"expected levels, got {text}")
    return made


def noisy(text: str, codes: float) -> Callable[[Tensor], Tensor]:
    """White noise of another frame each, of so many codes, and then the quantizer."""
    return lambda clip: levels(text).quantize((clip + torch.randn_like(clip) * codes / 255).clamp(0, 1))


def alternating(text: str, kind: str) -> Callable[[Tensor], Tensor]:
    """Ordered dither whose pattern is the complement of itself, or lies elsewhere, in the next frame."""

    def store(clip: Tensor) -> Tensor:
        quantizer = levels(text)
        frames = []
        for moment, x in enumerate(torch.split(clip, 1)):
            pattern = thresholds("bayer4", x.shape[-2], x.shape[-1], x.device)
            if kind == "complement" and moment % 2:
                pattern = 1 - pattern
            if kind == "shifted":
                pattern = pattern.roll((moment, 2 * moment + moment // 2), (0, 1))
            # What an ordered dither adds before the nearest level is taken.
            step = torch.stack([channel.diff().mean() for channel in quantizer.levels])[:, None, None]
            frames.append(UniformQuantizer([c.tolist() for c in quantizer.levels]).quantize(x + (0.5 - pattern) * step))
        return torch.cat(frames)

    return store


def fixed(text: str, kind: str) -> Callable[[Tensor], Tensor]:
    """A pattern that belongs to the screen, whatever the scene does."""
    return lambda clip: DitherQuantizer(levels(text), kind).quantize(clip)


def diffused(colors: int) -> Callable[[Tensor], Tensor]:
    """A palette of the first frame, and Floyd-Steinberg that begins elsewhere in every frame."""

    def store(clip: Tensor) -> Tensor:
        codes = (clip[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        flat = Image.fromarray(codes).quantize(colors, method=Image.Quantize.MEDIANCUT).getpalette() or []
        palette = torch.tensor(flat[: 3 * colors]).view(-1, 3) / 255
        quantizer, frames = DitherQuantizer(PaletteQuantizer(palette), "fs"), []
        for moment, x in enumerate(torch.split(clip, 1)):
            above, left = 1 + moment * 5 % 7, 1 + moment * 3 % 8
            frames.append(quantizer.quantize(functional.pad(x, (left, 0, above, 0), mode="replicate")))
            frames[-1] = frames[-1][..., above:, left:]
        return torch.cat(frames)

    return store


def losses() -> Iterator[Loss]:
    """The rows of the table."""
    for text, cell in (("m=8", 32.0), ("5-5-5", 8.2)):
        yield Loss(f"{text}, clean", text, "keep", noisy(text, 0))
        for codes in (0.5, 2.0):
            yield Loss(f"{text}, noise of {codes:g} codes", text, "keep", noisy(text, codes))
        yield Loss(f"{text}, noise of a cell", text, "remove", noisy(text, cell))
        for kind in ("complement", "shifted"):
            yield Loss(f"{text}, Bayer 4x4, {kind} each frame", text, "remove", alternating(text, kind))
    yield Loss("5-5-5, PlayStation's pattern", "5-5-5+playstation", "auto", fixed("5-5-5", "playstation"))
    yield Loss("palette:16, Floyd-Steinberg anew", "palette:16", "remove", diffused(16))


def scene(picture: Tensor, *, moves: bool, frames: int, side: int) -> Tensor:
    """A clip ``(frames, 3, side, side)`` out of the middle of ``(3, H, W)``."""
    down, across = STEP if moves else (0, 0)
    top, left = ((size - side - frames * by) // 2 for size, by in zip(picture.shape[-2:], (down, across), strict=True))
    if min(top, left) < 0:
        raise SystemExit(f"expected pictures large enough for --side {side} and --frames {frames}, got {picture.shape}")
    return torch.stack(
        [
            picture[:, top + down * t : top + down * t + side, left + across * t : left + across * t + side]
            for t in range(frames)
        ]
    )


def measured(folder: Path, clip: Tensor, stored: Tensor, loss: Loss, restorer: str) -> dict[str, tuple[float, ...]]:
    """PSNR, flicker in squared codes, warping error x 1e5 and share in the cells, of doing nothing and of all ways."""
    given = folder / "given"
    given.mkdir()
    for number, frame in enumerate(stored):
        codes = (frame.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        Image.fromarray(codes).save(given / f"{number:04d}.png")
    found: dict[str, tuple[float, ...]] = {"nothing": (*figures(stored, clip), 1.0)}
    for way, changes in WAYS.items():
        settings = Settings(
            restorer=restorer, quantizer=loss.quantizer, dither=loss.dither, native_grid="off", scale=1, device="cpu",
            lossless=True, bits=16, overwrite=True, **changes,  # type: ignore[arg-type]
        )  # fmt: skip
        done = restore(str(given), str(folder / "restored.mkv"), settings)
        found[way] = (*figures(pictures_of(folder / "restored.mkv"), clip), done.certificate or 0.0)
    return found


def figures(x: Tensor, clip: Tensor) -> tuple[float, float, float]:
    """PSNR, flicker and warping error x 1e5."""
    return float(psnr(x, clip).mean()), flicker(x, clip), warping_error(x, clip) * 1e5


def table(rows: dict[str, list[dict[str, tuple[float, ...]]]], title: str, column: int, *, less: bool = False) -> None:
    """Print the means of a column, less those of doing nothing where ``less``."""
    ways = ["nothing", *WAYS]
    print(f"\n**{title}**\n\n| source | {' | '.join(ways)} |\n|{' --- |' * (len(ways) + 1)}")
    for name, found in rows.items():
        means = {way: sum(one[way][column] for one in found) / len(found) for way in ways}
        if means["nothing"] != means["nothing"]:  # no pixel stands still
            continue
        shown = [f"{means['nothing']:.2f}"]
        shown += [f"{means[way] - means['nothing']:+.2f}" if less else f"{means[way]:.2f}" for way in WAYS]
        print(f"| {name} | {' | '.join(shown)} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="folder of fine pictures")
    parser.add_argument("--limit", type=int, default=4, help="pictures that are taken, from all over the folder")
    parser.add_argument("--frames", type=int, default=8, help="of each clip")
    parser.add_argument("--side", type=int, default=144, help="of each clip, in pixels")
    parser.add_argument("--restorer", default="cellnet-s", help="see vdequant --help")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    args = parser.parse_args()
    torch.manual_seed(0)
    items = find_items([args.pictures])
    rows: dict[str, list[dict[str, tuple[float, ...]]]] = {}
    for item in items[:: max(1, len(items) // args.limit)][: args.limit]:
        picture = to_tensor(item.read())[0]
        for loss in losses():
            for moves in (False, True):
                name = f"{loss.name}, {'panning' if moves else 'still'}"
                if args.only not in name:
                    continue
                clip = scene(picture, moves=moves, frames=args.frames, side=args.side)
                with tempfile.TemporaryDirectory() as folder:
                    found = measured(Path(folder), clip, loss.store(clip), loss, args.restorer)
                rows.setdefault(name, []).append(found)
    table(rows, "PSNR in dB: the input, and more than that", 0, less=True)
    table(rows, "flicker, squared codes", 1)
    table(rows, "E_warp x 1e5", 2)
    table(rows, "share in the cells", 3)


if __name__ == "__main__":
    main()
