"""How good is it on pictures that it never saw? The gain in dB over the stored picture, by kind of loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from vdequant.models.cellnet import Cellnet
from vdequant.quantizers.base import Cells
from vdequant.quantizers.dither import DitherQuantizer
from vdequant.quantizers.palette import PaletteQuantizer
from vdequant.quantizers.telling import told
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.training.data import Bank, to_tensor

LEVELS = (4, 8, 16, 32)
MOST = 32  # pictures a kind
PALETTE = "palette"
DITHERED = "dithered"
LEVELS_DITHERED = "dithered levels"
DITHERED_LEVELS = ((2, "fs"), (3, "bayer4"), (4, "checkerboard"), (8, "fs"), (8, "bayer8"))  # in turns


@dataclass(frozen=True)
class Case:
    """A held-back picture ``(1, 3, H, W)`` and what was stored of it."""

    kind: str
    truth: torch.Tensor
    stored: torch.Tensor
    quantizer: UniformQuantizer | PaletteQuantizer | DitherQuantizer
    dithered: bool = False

    def cells(self) -> Cells:
        """Made when they are needed: all of them together would fill half a gigabyte."""
        if isinstance(self.quantizer, PaletteQuantizer):
            return self.quantizer.cells(self.stored, self.dithered)
        return self.quantizer.cells(self.stored)


def _spread_out(numbers: list[int]) -> list[int]:
    """At most MOST of them, evenly over the list."""
    step = max(1, math.ceil(len(numbers) / MOST))
    return numbers[::step]


class Validation:
    """A fixed set of held-back pictures: lattices of 4 to 32 levels; palettes, dithered palettes and levels."""

    def __init__(self, bank: Bank, subject: str = "all") -> None:
        self.cases: list[Case] = []
        if subject != "palettes":
            self._add_levels(bank)
        if subject != "levels":
            self._add_palettes(bank)
            self._add_dithered_levels(bank)

    def _add_levels(self, bank: Bank) -> None:
        for number in _spread_out(sorted(bank.held)):
            truth = to_tensor(bank.tiles[number])[None]
            for m in LEVELS:
                quantizer = UniformQuantizer.of_levels(m)
                self.cases.append(Case(f"m={m}", truth, quantizer.quantize(truth), quantizer))

    def _add_palettes(self, bank: Bank) -> None:
        records = [pair for pair in bank.palettes if pair[0] in bank.held]
        for dithered, kind in ((False, PALETTE), (True, DITHERED)):
            chosen = [i for i, (_, record) in enumerate(records) if record.dithered is dithered]
            for i in _spread_out(chosen):
                number, record = records[i]
                stored = to_tensor(record.palette[record.index])[None]
                palette = PaletteQuantizer(torch.from_numpy(record.palette).float() / 255)
                truth = to_tensor(bank.tiles[number])[None]
                self.cases.append(Case(kind, truth, stored, palette, dithered))

    def _add_dithered_levels(self, bank: Bank) -> None:
        for i, number in enumerate(_spread_out(sorted(bank.held))):
            truth = to_tensor(bank.tiles[number])[None]
            m, kind = DITHERED_LEVELS[i % len(DITHERED_LEVELS)]
            quantizer = DitherQuantizer(UniformQuantizer.of_levels(m), kind)
            self.cases.append(Case(LEVELS_DITHERED, truth, quantizer.quantize(truth), quantizer))

    @torch.no_grad()
    def score(self, net: Cellnet) -> dict[str, float]:
        """Mean gain in dB by kind, and "mean" over the kinds; empty when nothing is held back."""
        device = next(net.parameters()).device
        gains: dict[str, list[float]] = {}
        for case in self.cases:
            cells = case.cells()
            given = [plane.to(device) for plane in (cells.stored, *told(cells.stored, cells))]
            spread = torch.full((1,), cells.spread, device=device)
            facts = torch.tensor([[float(cells.dithered), float(cells.lossy), float(cells.spread > 1)]], device=device)
            with torch.autocast(device.type, dtype=torch.bfloat16):
                answer = net(*given, spread, facts)
            restored = cells.project(answer.float().cpu().clamp(0, 1))
            error = float((restored - case.truth).square().mean())
            nothing = float((cells.stored - case.truth).square().mean())
            if error > 0 and nothing > 0:
                gains.setdefault(case.kind, []).append(10 * math.log10(nothing / error))
        scores = {kind: sum(values) / len(values) for kind, values in gains.items()}
        return {**scores, "mean": sum(scores.values()) / len(scores)} if scores else {}
