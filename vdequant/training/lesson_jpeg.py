"""What a jpegnet learns from: pairs before and after JPEG, a loss in units of JPEG's error, gains on held tiles."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vdequant.models.jpegnet import Jpegnet
from vdequant.quantizers.jpeg_codec import HALVED, Subsampling
from vdequant.training.data import read_tiles, source_is_held, to_tensor
from vdequant.training.jpeg_pairs import JpegBatch, JpegSampler, jpeg_roundtrip, standard_tables
from vdequant.training.loop import TrainSettings

OWN_SHARE = 0.2  # of the crop's own error in the unit of the loss; a picture's error is mostly that of its busy crops
MOST = 24  # held-back tiles that are looked at
CASES: tuple[tuple[int, Subsampling, bool], ...] = (
    (2, "420", True), (10, "420", True), (20, "420", True), (40, "420", True), (75, "420", True), (30, "444", True),
    (20, "420", False),
)  # fmt: skip


def loss_of(net: nn.Module, batch: JpegBatch) -> Tensor:
    """Squared error in units of what the tables usually do, so that every quality weighs alike."""
    answer = net(batch.stored, batch.luma, batch.chroma, batch.across, batch.down)
    squared = (answer - batch.truth).square().mean(dim=(1, 2, 3))
    nothing = (batch.stored - batch.truth).square().mean(dim=(1, 2, 3))
    loss: Tensor = (squared / torch.lerp(batch.usual, nothing, OWN_SHARE)).mean()
    return loss


class JpegLesson:
    """See :class:`~vdequant.training.loop.Lesson`.

    Args:
        tiles: ``(256, 256, 3)`` uint8 to learn from.
        photos: numbers of those that are photographs.
        held: tiles to be scored on.
    """

    def __init__(self, tiles: list[np.ndarray], photos: list[int], held: list[np.ndarray]) -> None:
        self.tiles, self.photos, self.held = tiles, photos, held
        self.sampler: JpegSampler | None = None

    @classmethod
    def of_tiles(cls, tiles: list[np.ndarray]) -> JpegLesson:
        """Learns from these, and is scored on none."""
        return cls(tiles, [], [])

    @classmethod
    def of_folders(cls, folders: list[Path]) -> JpegLesson:
        """Learns from the pictures of folders, but for some sources, on which it is scored.

        Raises:
            InputError: when a folder holds no picture of at least 256x256.
        """
        tiles, paths = read_tiles(folders)
        held = {i for i, path in enumerate(paths) if source_is_held(path)}
        kept = [i for i in range(len(tiles)) if i not in held]
        photos = [place for place, i in enumerate(kept) if "photo" in paths[i]]
        step = max(1, math.ceil(len(held) / MOST))
        return cls([tiles[i] for i in kept], photos, [tiles[i] for i in sorted(held)][::step])

    def draw(self, settings: TrainSettings, number: int) -> JpegBatch:
        """See :class:`~vdequant.training.loop.Lesson`."""
        self.sampler = self.sampler or JpegSampler(self.tiles, self.photos, settings.seed, settings.side)
        return self.sampler.batch(settings.batch, number)

    @torch.no_grad()
    def score(self, net: Jpegnet) -> dict[str, float]:
        """Gain in dB over all decoded tiles together, by quality and chroma ("blind": not told), and their "mean"."""
        device = next(net.parameters()).device
        scores: dict[str, float] = {}
        for quality, subsampling, known in CASES if self.held else ():
            tables = standard_tables(quality)
            luma, chroma = (torch.from_numpy(table).float()[None].to(device) * known for table in tables)
            before = after = 0.0
            for tile in self.held:
                truth = to_tensor(tile)[None]
                stored = to_tensor(jpeg_roundtrip(tile, tables, subsampling))[None]
                with torch.autocast(device.type, dtype=torch.bfloat16):
                    answer = net(stored.to(device), luma, chroma, *HALVED[subsampling])
                after += float((answer.float().cpu().clamp(0, 1) - truth).square().mean())
                before += float((stored - truth).square().mean())
            scores[f"q{quality} {subsampling}{'' if known else ' blind'}"] = 10 * math.log10(before / after)
        return {**scores, "mean": sum(scores.values()) / len(scores)} if scores else {}
