"""Trains the network that finds error diffusion in pictures of few colors, and writes it with its card.

python scripts/train_dither_finder.py photos-1 photos-2 art games [--count 18000] [--minutes 40] [--init FILE]

Each crop of a picture is cut to a palette (Pillow's or ffmpeg's) or to levels of one channel, both plainly and by error
diffusion; made-up screens of flat art are never dithered. One picture in ten is held back. The same command continues
after an interruption.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from gifs import as_gif
from PIL import Image
from release_data import CARD as PICTURES
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.dither_finder import WEIGHTS, DitherFinder, structure
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.training.loop import Trainer, TrainSettings
from vdequant.training.screens import flat_record

SIDE, CROPS = 128, (68, 100)  # pixels of a sample, and of what a step sees of it
SMALLER = 0.35  # of the pictures are shrunk first: finer content
KINDS = {"Pillow": 0.28, "ffmpeg": 0.32, "levels": 0.28, "flat": 0.12}
FFMPEG = ("floyd_steinberg", "sierra2_4a", "atkinson", "sierra2", "heckbert")
RATE, BATCH, DECAY = 3e-3, 32, 0.997
SURE = 0.99  # share of held-back pictures without dither that the printed limit lets pass
# A sample: file, whether it is dithered, kind, codes (3, SIDE, SIDE) uint8
Sample = tuple[str, bool, str, Tensor]

CARD = """# dither-finder

Four convolutions that say whether a picture of few colors was dithered by error diffusion: from which pixels equal
which neighbors, and how far apart they are in units of the palette's gaps. {parameters:,} parameters.

{pictures}
- **Degradations**: crops of 128x128 pixels cut to 4..256 colors by Pillow (median cut, octree, k-means; plain,
  Floyd-Steinberg, Atkinson, Jarvis) and by ffmpeg's palettegen and paletteuse (plain, floyd_steinberg, sierra2_4a,
  atkinson, sierra2, heckbert); single channels of 2 to 32 levels, plain and diffused; made-up screens of pixel art.
- **Training**: {count:,} samples, {steps:,} steps of {batch} crops in {seconds:,.0f} seconds on cpu, AdamW at {rate},
  cosine, moving average of the weights. `python scripts/train_dither_finder.py`.
- **On held-back pictures**: at the log odds that 99 % of those without dither stay below, {limit:.2f}, it finds
  {found:.0%} of the diffused ones.
- **Limits**: photographs whose grain is as large as a palette's gaps look diffused; ordered patterns are not its task.
"""


def codes_of(picture: Tensor) -> Tensor:
    """``(3, h, w)`` in [0, 1] as uint8."""
    return (picture * 255).round().to(torch.uint8)


def pixels_of(image: Image.Image) -> Tensor:
    """A picture of Pillow's as ``(3, h, w)`` uint8."""
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous()


def crop(paths: list[list[Path]], rng: np.random.Generator) -> tuple[str, Image.Image, Image.Image]:
    """A file's name, a crop of it, and all of it; every folder as often as the others."""
    while True:
        folder = paths[int(rng.integers(len(paths)))]
        path = folder[int(rng.integers(len(folder)))]
        whole = Image.open(path).convert("RGB")
        if rng.random() < SMALLER:
            share = rng.uniform(0.4, 0.9)
            whole = whole.resize((int(whole.width * share), int(whole.height * share)), Image.Resampling.BICUBIC)
        if min(whole.size) >= SIDE:
            left, top = (int(rng.integers(0, size - SIDE + 1)) for size in whole.size)
            return path.stem.rsplit("_", 1)[0], whole.crop((left, top, left + SIDE, top + SIDE)), whole


def by_pillow(
    part: Image.Image, whole: Image.Image, colors: int, rng: np.random.Generator
) -> Iterator[tuple[str, Tensor]]:
    """Kinds of dither, "" for none, and what became of the crop."""
    source = whole if rng.random() < 0.5 else part
    octree = rng.random() < 0.25
    method = Image.Quantize.FASTOCTREE if octree else Image.Quantize.MEDIANCUT
    palette = source.quantize(colors, method=method, kmeans=int(rng.random() < 0.2), dither=Image.Dither.NONE)
    yield "", pixels_of(part.quantize(palette=palette, dither=Image.Dither.NONE))
    yield "fs", pixels_of(part.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG))
    table = np.unique(np.array(palette.getpalette(), np.uint8).reshape(-1, 3)[:colors], axis=0)
    if rng.random() < 0.5 and len(table) > 1:
        kind = str(rng.choice(["atkinson", "jarvis"]))
        quantizer = DitherQuantizer(PaletteQuantizer(torch.from_numpy(table).float() / 255), kind)
        yield kind, codes_of(quantizer.quantize(pixels_of(part)[None] / 255)[0])


def by_levels(part: Image.Image, rng: np.random.Generator) -> Iterator[tuple[str, Tensor]]:
    """The same of one channel of a few levels, as gray."""
    if rng.random() < 0.6:
        expansion = "replicate" if rng.random() < 0.7 else "floor"
        quantizer = UniformQuantizer.of_bits([int(rng.integers(1, 6))] * 3, expansion)
    else:
        quantizer = UniformQuantizer.of_levels(int(rng.integers(2, 33)))
    picture, channel = pixels_of(part)[None] / 255, int(rng.integers(3))
    kind = str(rng.choice(["fs", "fs", "atkinson", "jarvis"]))
    for name, stored in (("", quantizer.quantize(picture)), (kind, DitherQuantizer(quantizer, kind).quantize(picture))):
        yield name, codes_of(stored[0, channel]).expand(3, -1, -1).contiguous()


def some(paths: list[list[Path]], rng: np.random.Generator) -> Iterator[Sample]:
    """A few samples of one crop."""
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    if kind == "flat":
        record = flat_record(rng)
        art = torch.from_numpy(record.palette[record.index[:SIDE, :SIDE]]).permute(2, 0, 1).contiguous()
        yield f"flat {rng.integers(1 << 30)}", False, kind, art
        return
    name, part, whole = crop(paths, rng)
    colors = round(2 ** rng.uniform(2, 8))
    if kind == "ffmpeg":
        picture = pixels_of(part) / 255
        found = [("", codes_of(as_gif(picture, colors, "none")))]
        found += [
            (dither, codes_of(as_gif(picture, colors, dither))) for dither in rng.choice(FFMPEG, 2, replace=False)
        ]
    else:
        found = list(by_pillow(part, whole, colors, rng) if kind == "Pillow" else by_levels(part, rng))
    for dither, codes in found:
        yield name, bool(dither), f"{kind} {dither or 'none'}", codes


def turned(codes: Tensor, rng: np.random.Generator) -> Tensor:
    """Mirrored or transposed at random: diffusion may run in any direction."""
    codes = codes.flip(-1) if rng.random() < 0.5 else codes
    codes = codes.flip(-2) if rng.random() < 0.3 else codes
    return codes.transpose(-1, -2) if rng.random() < 0.3 else codes


@dataclass(frozen=True)
class Crops:
    """What a step sees: planes ``(N, 24, h, w)``, and which of them are dithered, ``(N,)`` of 0 and 1."""

    planes: Tensor
    dithered: Tensor

    def to(self, device: torch.device) -> Crops:
        """The same on ``device``."""
        return Crops(self.planes.to(device), self.dithered.to(device))


class Lesson:
    """Crops of as many samples with dither as without; held-back samples.

    Args:
        samples: see there.
    """

    def __init__(self, samples: list[Sample]) -> None:
        held = np.array([zlib.crc32(name.encode()) % 10 == 0 for name, _, _, _ in samples])
        dithered = np.array([each[1] for each in samples])
        self.dithered, self.plain = np.flatnonzero(dithered & ~held), np.flatnonzero(~dithered & ~held)
        self.away = np.flatnonzero(held).tolist()
        self.samples = samples

    def draw(self, settings: TrainSettings, number: int) -> Crops:
        """See :class:`~vdequant.training.loop.Lesson`."""
        rng = np.random.default_rng((settings.seed, number))
        side, half = int(rng.choice(CROPS)), settings.batch // 2
        cut = []
        for sample in np.concatenate([rng.choice(self.dithered, half), rng.choice(self.plain, half)]):
            whole = turned(self.samples[int(sample)][3].int(), rng)
            top, left = rng.integers(0, SIDE - side + 1, 2)
            cut.append(structure(whole[:, top : top + side, left : left + side]))
        planes = torch.stack(cut).contiguous(memory_format=torch.channels_last)
        return Crops(planes, torch.tensor([1.0, 0.0]).repeat_interleave(half))

    def score(self, net: DitherFinder) -> dict[str, float]:
        """See :class:`~vdequant.training.loop.Lesson`."""
        _, found = judge(net, [self.samples[i] for i in self.away])
        return {"found": found, "mean": found}


def loss_of(net: nn.Module, crops: Crops) -> Tensor:
    """Cross entropy."""
    return functional.binary_cross_entropy_with_logits(net(crops.planes).float(), crops.dithered)


@torch.inference_mode()
def judge(net: DitherFinder, samples: list[Sample]) -> tuple[float, float]:
    """The limit on held-back samples, see SURE, and the share of the diffused ones above it; prints it by kind."""
    odds = [float(net(structure(codes.int())[None])) for _, _, _, codes in samples]
    limit = float(np.quantile([odd for odd, each in zip(odds, samples, strict=True) if not each[1]], SURE))
    kinds: dict[str, list[bool]] = {}
    for odd, (_, _, kind, codes) in zip(odds, samples, strict=True):
        many = len(torch.unique(codes.flatten(1), dim=1)[0]) > 64
        kinds.setdefault(f"{kind}, {'more than 64' if many else 'up to 64'} colors", []).append(odd > limit)
    for kind, passed in sorted(kinds.items()):
        print(f"{kind}: {np.mean(passed):.0%} of {len(passed)}")
    return limit, float(np.mean([odd > limit for odd, each in zip(odds, samples, strict=True) if each[1]]))


def main() -> None:
    """Make the samples, train, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tiles", type=Path, nargs="+", help="folders of full-color pictures")
    parser.add_argument("--count", type=int, default=18000, help="samples")
    parser.add_argument("--minutes", type=float, default=40.0, help="of training")
    parser.add_argument("--init", type=Path, help="safetensors weights to start from instead of random ones")
    parser.add_argument("--output", type=Path, default=WEIGHTS, help="safetensors file; its card is put beside it")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="where checkpoints go; what is there is resumed"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    suffixes = (".png", ".webp", ".jpg")
    paths = [sorted(path for path in folder.rglob("*") if path.suffix in suffixes) for folder in args.tiles]
    rng, samples = np.random.default_rng(1), list[Sample]()
    while len(samples) < args.count:
        samples += some(paths, rng)
    lesson = Lesson(samples)
    settings = TrainSettings(args.minutes, batch=BATCH, rate=RATE, decay=DECAY, muon=False, validate_every=4000)
    trainer = Trainer(DitherFinder, loss_of, settings, args.runs / "dither-finder", torch.device("cpu"))
    if args.init and not trainer.steps:
        begun = DitherFinder()
        begun.load_state_dict(load_file(args.init))
        trainer.start_from(begun)
    net = trainer.run(
        lesson, lambda at, loss: print(f"step {at.steps}, {at.seconds:.0f} s, loss {loss:.3f}", flush=True)
    )
    limit, found = judge(net, [samples[i] for i in lesson.away])
    parameters = sum(each.numel() for each in net.parameters())
    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, args.output)
    card = CARD.format(
        parameters=parameters, pictures=PICTURES, steps=trainer.steps, batch=BATCH,
        seconds=trainer.seconds, rate=RATE, count=len(samples), limit=limit, found=found,
    )  # fmt: skip
    args.output.with_suffix(".md").write_text(card)
    print(f"{args.output}: limit {limit:.2f}, {found:.1%} of the diffused ones")


if __name__ == "__main__":
    main()
