"""The canvas on which game_scenes.py composes a screen, and the picking of art from a game's folder."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image

SIDE = 256
PAD = 64  # around the screen, for what hangs over its border
TEAM_COLOR = (244, 154, 193)  # Wesnoth paints it over with the player's color


class Stage:
    """One screen in the making: ``canvas``, drawn on by a game, and ``used``, the names of its pictures."""

    def __init__(self, art: Path, number: int, rng: random.Random, size: int) -> None:
        self.art, self.number, self.rng, self.size = art, number, rng, size
        self.canvas = Image.new("RGBA", (size + 2 * PAD, size + 2 * PAD))
        self.used: set[str] = set()

    def find(self, *patterns: str) -> list[str]:
        """Names of pictures, without their suffix, sorted."""
        found = sorted(path for pattern in patterns for path in self.art.glob(pattern + ".png"))
        return [str(path.relative_to(self.art).with_suffix("")) for path in found]

    def load(self, name: str) -> Image.Image:
        """A picture as RGBA, which counts as used."""
        self.used.add(name)
        return Image.open(self.art / f"{name}.png").convert("RGBA")

    def pick(self, *patterns: str) -> Image.Image:
        """A random shaded sprite that fits on the screen, cut to what is visible."""
        names = self.find(*patterns)
        for name in self.rng.sample(names, len(names)):
            sprite = Image.open(self.art / f"{name}.png").convert("RGBA")
            colors = {color[:3] for _, color in sprite.getcolors(sprite.width * sprite.height)}
            box = sprite.getchannel("A").point(lambda alpha: 255 * (alpha > 99)).getbbox()
            if box is None or TEAM_COLOR in colors or len(colors) < 60:
                continue
            width, height = box[2] - box[0], box[3] - box[1]
            if min(width, height) >= 20 and max(width, height) <= 0.6 * self.size:
                return self.load(name).crop(box)
        raise SystemExit(f"game_screens: expected shaded sprites {patterns} in {self.art}, found none")

    def put(self, sprite: Image.Image, x: float, y: float) -> None:
        """Draw with the top left corner at ``(x, y)`` of the screen."""
        x, y = round(x) + PAD, round(y) + PAD
        left, top = max(0, -x), max(0, -y)
        if left < sprite.width and top < sprite.height:
            self.canvas.alpha_composite(sprite, (x + left, y + top), (left, top))

    def stand(self, sprite: Image.Image, x: float, y: float) -> None:
        """Draw with the middle of the bottom at ``(x, y)``."""
        self.put(sprite, x - sprite.width / 2, y - sprite.height)

    def layer(self, name: str, height: int, bottom: int, start: float) -> None:
        """Draw scaled to ``height``, repeated sideways from the share ``start`` of its width on."""
        picture = self.load(name)
        width = max(1, round(picture.width * height / picture.height))
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        for x in range(-round(start % 1 * width) - width, self.size, width):
            self.put(picture, x, bottom - height)

    def screen(self) -> Image.Image:
        """What is seen, ``SIDE`` square.

        Raises:
            SystemExit: something of the screen was never drawn on.
        """
        seen = self.canvas.crop((PAD, PAD, PAD + self.size, PAD + self.size))
        if seen.getchannel("A").getextrema()[0] < 255:
            raise SystemExit(f"game_screens: expected a screen without holes, got one of {sorted(self.used)}")
        return seen.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
