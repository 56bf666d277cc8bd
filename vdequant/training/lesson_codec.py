"""What a cellnet learns of video codecs: pairs before and behind them, a loss in units of the codec's error, gains."""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vdequant.color import luma_of
from vdequant.frames import Siting
from vdequant.media.codec_clips import codec_roundtrip, x264
from vdequant.models.cellnet import Cellnet
from vdequant.training.bank_file import fingerprint
from vdequant.training.codec_pairs import WINDOW, CodecPair, CodecSampler, batch_of, codec_pair
from vdequant.training.data import Batch, read_tiles, source_is_held, to_tensor
from vdequant.training.loop import TrainSettings

PAIRS = 2  # of each tile
LUMA_WEIGHT = 1.0  # of its error, beside that of colors: most of what 4:2:0 loses is color, most of what is seen luma
FLOOR = 1.5e-5  # of the unit of the loss: about a code squared
HARM = 2.0  # of what is worse than doing nothing, beside what is left of the error
MOST = 24  # held-back tiles that are looked at
CRFS = (6, 12, 18, 23, 28)
VERSION = 3  # of what is made of the pictures


def codec_loss(answer: Tensor, batch: Batch) -> Tensor:
    """Squared errors of colors and of luma, each in units of what doing nothing leaves of it; harm counts more."""

    def share(found: Tensor, stored: Tensor, truth: Tensor) -> Tensor:
        squared, nothing = ((part - truth).square().mean(dim=(1, 2, 3)) for part in (found, stored))
        left = squared / (nothing + FLOOR)
        return (left + HARM * (left - 1).clamp_min(0)).mean()

    luma = share(*(luma_of(part) for part in (answer, batch.stored, batch.truth)))
    return share(answer, batch.stored, batch.truth) + LUMA_WEIGHT * luma


def loss_of(net: nn.Module, batch: Batch) -> Tensor:
    """:func:`codec_loss` of a cellnet's answer."""
    return codec_loss(net(batch.stored, batch.low, batch.high, batch.room, batch.spread, batch.facts), batch)


class CodecLesson:
    """See :class:`~vdequant.training.loop.Lesson`.

    Args:
        pairs: to learn from.
        held: tiles to be scored on, ``(256, 256, 3)`` uint8.
    """

    def __init__(self, pairs: list[CodecPair], held: list[np.ndarray]) -> None:
        self.pairs = pairs
        self.sampler: CodecSampler | None = None
        self.cases = [(crf, pair) for crf in CRFS for pair in _held_pairs(held, crf)]

    @classmethod
    def of_tiles(cls, tiles: list[np.ndarray], seed: int = 1, held: list[np.ndarray] | None = None) -> CodecLesson:
        """Learns from what codecs make of these."""
        rng = np.random.default_rng(seed)
        return cls([codec_pair(tile, rng) for tile in tiles for _ in range(PAIRS)], held or [])

    @classmethod
    def of_folders(cls, folders: list[Path], runs: Path) -> CodecLesson:
        """Learns from the pictures of folders, but for some sources, on which it is scored. Pairs are kept in ``runs``.

        Raises:
            InputError: when a folder holds no picture of at least 256x256.
        """
        tiles, paths = read_tiles(folders)
        held = [i for i, path in enumerate(paths) if source_is_held(path)]
        step = max(1, math.ceil(len(held) / MOST))
        scored = [tiles[i] for i in held[::step]]
        cache = runs / f"pairs-codec-{zlib.crc32(f'{VERSION} {fingerprint(folders)}'.encode()):08x}.pt"
        if cache.exists():
            values = torch.load(cache, weights_only=True)
            return cls([CodecPair(truth.numpy(), stored.numpy()) for truth, stored in values], scored)
        lesson = cls.of_tiles([tile for i, tile in enumerate(tiles) if i not in set(held)], held=scored)
        unfinished = cache.with_suffix(".next")
        torch.save([(torch.from_numpy(p.truth), torch.from_numpy(p.stored)) for p in lesson.pairs], unfinished)
        unfinished.replace(cache)
        return lesson

    def draw(self, settings: TrainSettings, number: int) -> Batch:
        """See :class:`~vdequant.training.loop.Lesson`."""
        self.sampler = self.sampler or CodecSampler(self.pairs, settings.seed, settings.side)
        return self.sampler.batch(settings.batch, number)

    @torch.no_grad()
    def score(self, net: Cellnet) -> dict[str, float]:
        """Mean gain in dB over the decoded tile, of colors and of luma, by x264's crf, and their "mean"."""
        device = next(net.parameters()).device
        gains: dict[str, list[float]] = {}
        for crf, pair in self.cases:
            given = batch_of(to_tensor(pair.truth)[None], to_tensor(pair.stored)[None]).to(device)
            with torch.autocast(device.type, dtype=torch.bfloat16):
                answer = net(given.stored, given.low, given.high, given.room, given.spread, given.facts)
            answer = answer.float().clamp(0, 1)
            for name, change in (("color", lambda x: x), ("luma", luma_of)):
                truth, stored, found = (change(part) for part in (given.truth, given.stored, answer))
                before, after = (float((part - truth).square().mean()) for part in (stored, found))
                if before > 0 and after > 0:
                    gains.setdefault(f"crf {crf} {name}", []).append(10 * math.log10(before / after))
        scores = {kind: sum(values) / len(values) for kind, values in gains.items()}
        return {**scores, "mean": sum(scores.values()) / len(scores)} if scores else {}


def _held_pairs(tiles: list[np.ndarray], crf: int) -> list[CodecPair]:
    """Each tile behind x264, standing still for two frames, the second one taken; chroma of every other one is left."""
    pairs = []
    for number, tile in enumerate(tiles):
        view = np.ascontiguousarray(tile[:WINDOW, :WINDOW])
        siting = Siting.LEFT if number % 2 else Siting.CENTER
        pairs.append(CodecPair(view, codec_roundtrip([view, view], x264(crf, siting=siting))[-1]))
    return pairs
