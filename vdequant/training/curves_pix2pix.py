"""Loss curves of adversarial training, drawn from the logs with Pillow: Figure 7 of *pix2pix-fq*."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from vdequant.errors import InputError

WIDTH, HEIGHT = 560, 360  # of one panel, pixels
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 44, 34  # of its margins
TICKS = 5
COLORS = {
    "g_adversarial": (31, 119, 180),
    "g_l1": (44, 160, 44),
    "d_real": (255, 127, 14),
    "d_fake": (214, 39, 40),
}
Curves = dict[str, list[float]]


def read_losses(log: Path) -> Curves:
    """The columns of a log by name, "step" among them.

    Raises:
        InputError: the file is missing, or is no log of adversarial training.
    """
    try:
        with log.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        return {name: [float(line[name]) for line in lines] for name in ("step", *COLORS)}
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"expected a log with the columns step, {', '.join(COLORS)} in {log}, got none") from error


def smooth(values: Sequence[float], share: float = 0.8) -> list[float]:
    """Exponential mean: each value has ``share`` of what came before in it."""
    result: list[float] = []
    for value in values:
        result.append(value if not result else share * result[-1] + (1 - share) * value)
    return result


def draw_losses(logs: Sequence[Path], output: Path, l1_weight: float = 100.0) -> None:
    """A PNG with one panel a log, side by side on one scale; L1 is drawn times a weight, as in Figure 7.

    Args:
        logs: ``log.csv`` of the runs; the folder's name is the panel's title.
        l1_weight: that L1 is multiplied by.

    Raises:
        InputError: see :func:`read_losses`.
    """
    panels = []
    for log in logs:
        curves = read_losses(log)
        curves["g_l1"] = [value * l1_weight for value in curves["g_l1"]]
        panels.append({name: values if name == "step" else smooth(values) for name, values in curves.items()})
    highest = max((max(curves[name], default=0.0) for curves in panels for name in COLORS), default=0.0) or 1.0
    sheet = Image.new("RGB", (WIDTH * len(panels), HEIGHT), "white")
    for number, (log, curves) in enumerate(zip(logs, panels, strict=True)):
        panel = Image.new("RGB", (WIDTH, HEIGHT), "white")
        _draw_panel(ImageDraw.Draw(panel), log.parent.name, curves, highest * 1.05, f"{l1_weight:g} x g_l1")
        sheet.paste(panel, (WIDTH * number, 0))
    sheet.save(output)


def _draw_panel(pen: ImageDraw.ImageDraw, title: str, curves: Curves, top: float, l1_name: str) -> None:
    last = max(curves["step"], default=1.0) or 1.0
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    pen.text((LEFT, 6), title, fill="black")
    for tick in range(TICKS + 1):
        x, y = LEFT + across * tick // TICKS, TOP + down - down * tick // TICKS
        pen.line((LEFT, y, LEFT + across, y), fill=(225, 225, 225))
        pen.text((4, y - 6), f"{top * tick / TICKS:.2f}", fill="black")
        pen.text((x - 14, TOP + down + 6), f"{last * tick / TICKS:.0f}", fill="black")
    pen.rectangle((LEFT, TOP, LEFT + across, TOP + down), outline="black")
    pen.text((LEFT + across // 2 - 12, HEIGHT - 14), "step", fill="black")
    for number, (name, color) in enumerate(COLORS.items()):
        points = [
            (LEFT + across * step / last, TOP + down * (1 - min(value, top) / top))
            for step, value in zip(curves["step"], curves[name], strict=True)
        ]
        if len(points) > 1:
            pen.line(points, fill=color, width=2)
        pen.line((LEFT + number * 120, 30, LEFT + number * 120 + 16, 30), fill=color, width=3)
        pen.text((LEFT + number * 120 + 20, 24), l1_name if name == "g_l1" else name, fill="black")
