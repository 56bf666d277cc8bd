"""What a jpegnet learns from: pairs before and after JPEG, a loss in units of JPEG's error, gains on held-back tiles."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from vdequant.models.jpegnet import Jpegnet
from vdequant.quantizers.jpeg_codec import HALVED, Subsampling
from vdequant.training.data import read_tiles, source_is_held, to_tensor
from vdequant.training.jpeg_pairs import JpegBatch, JpegSampler, jpeg_roundtrip, standard_tables
from vdequant.training.loop import TrainSettings

FLOOR = 4e-6  # added to JPEG's squared error: half a code, below which nobody sees an improvement
MOST = 24  # held-back tiles that are looked at
CASES: tuple[tuple[int, Subsampling, bool], ...] = (
    (2, "420", True), (10, "420", True), (20, "420", True), (40, "420", True), (75, "420", True), (30, "444", True),
    (20, "420", False),
)  # fmt: skip


def loss_of(net: nn.Module, batch: JpegBatch) -> Tensor:
    """Squared error in units of each crop's JPEG error, so that every quality weighs alike."""
    answer = net(batch.stored, batch.luma, batch.chroma, batch.across, batch.down)
    squared = (answer - batch.truth).square().mean(dim=(1, 2, 3))
    nothing = (batch.stored - batch.truth).square().mean(dim=(1, 2, 3))
    return (squared / (nothing + FLOOR)).mean()


class JpegLesson:
    """See :class:`~vdequant.training.loop.Lesson`.

    Args:
        folders: with pictures of at least 256x256.
    """

    def __init__(self, folders: list[Path]) -> None:
        tiles, paths = read_tiles(folders)
        held = {i for i, path in enumerate(paths) if source_is_held(path)}
        kept = [i for i in range(len(tiles)) if i not in held]
        self.tiles = [tiles[i] for i in kept]
        self.photos = [place for place, i in enumerate(kept) if "photo" in paths[i]]
        step = max(1, math.ceil(len(held) / MOST))
        self.held = [tiles[i] for i in sorted(held)][::step]
        self.sampler: JpegSampler | None = None

    def draw(self, settings: TrainSettings, number: int) -> JpegBatch:
        """See :class:`~vdequant.training.loop.Lesson`."""
        self.sampler = self.sampler or JpegSampler(self.tiles, self.photos, settings.seed, settings.side)
        return self.sampler.batch(settings.batch, number)

    @torch.no_grad()
    def score(self, net: Jpegnet) -> dict[str, float]:
        """Mean gain in dB over the decoded picture by quality and chroma ("blind": not told), and their "mean"."""
        device = next(net.parameters()).device
        scores: dict[str, float] = {}
        for quality, subsampling, known in CASES if self.held else ():
            tables = standard_tables(quality)
            luma, chroma = (torch.from_numpy(table).float()[None].to(device) * known for table in tables)
            gains = []
            for tile in self.held:
                truth = to_tensor(tile)[None]
                stored = to_tensor(jpeg_roundtrip(tile, tables, subsampling))[None]
                with torch.autocast(device.type, dtype=torch.bfloat16):
                    answer = net(stored.to(device), luma, chroma, *HALVED[subsampling])
                error = float((answer.float().cpu().clamp(0, 1) - truth).square().mean())
                gains.append(10 * math.log10(float((stored - truth).square().mean() + 1e-9) / (error + 1e-9)))
            scores[f"q{quality} {subsampling}{'' if known else ' blind'}"] = sum(gains) / len(gains)
        return {**scores, "mean": sum(scores.values()) / len(scores)} if scores else {}
