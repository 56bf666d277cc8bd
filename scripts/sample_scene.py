"""Our own little world in full color: a dusk landscape with parallax, water, a balloon and a HUD, from fixed seeds.

Layers are drawn once, four times as large as needed, and averaged down, so that shading is smooth; frames put them
together at whole-pixel offsets, as a console would.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

OVER = 4  # supersampling along each axis
SCROLL_ROOM = 160  # pixels that layers are wider than the screen

GLYPHS = {  # 5x7, one number a row, most significant bit left
    "0": (14, 17, 19, 21, 25, 17, 14), "1": (4, 12, 4, 4, 4, 4, 14), "2": (14, 17, 1, 6, 8, 16, 31),
    "3": (14, 17, 1, 6, 1, 17, 14), "4": (2, 6, 10, 18, 31, 2, 2), "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (14, 16, 30, 17, 17, 17, 14), "7": (31, 1, 2, 4, 8, 8, 8), "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 1, 14), "S": (15, 16, 16, 14, 1, 1, 30), "C": (14, 17, 16, 16, 16, 17, 14),
    "O": (14, 17, 17, 17, 17, 17, 14), "R": (30, 17, 17, 30, 20, 18, 17), "E": (31, 16, 16, 30, 16, 16, 31),
    "T": (31, 4, 4, 4, 4, 4, 4), "I": (14, 4, 4, 4, 4, 4, 14), "M": (17, 27, 21, 21, 17, 17, 17),
    "*": (10, 31, 31, 31, 14, 4, 0), " ": (0, 0, 0, 0, 0, 0, 0),
}  # fmt: skip


@dataclass(frozen=True)
class Light:
    """Colors of one time of day, RGB in [0, 1]; ``sky`` from the zenith down to the horizon."""

    sky: tuple[tuple[float, float, float], ...]
    sun: tuple[float, float, float]
    shade: tuple[float, float, float]  # of things turned away from the sun
    stars: int


DUSK = Light(
    (
        (0.07, 0.06, 0.22),
        (0.20, 0.12, 0.38),
        (0.48, 0.20, 0.46),
        (0.84, 0.37, 0.41),
        (0.98, 0.63, 0.38),
        (1.0, 0.83, 0.55),
    ),
    (1.0, 0.86, 0.55),
    (0.16, 0.11, 0.28),
    70,
)
MORNING = Light(
    (
        (0.16, 0.36, 0.66),
        (0.27, 0.52, 0.78),
        (0.45, 0.68, 0.86),
        (0.68, 0.82, 0.89),
        (0.90, 0.89, 0.82),
        (1.0, 0.92, 0.74),
    ),
    (1.0, 0.95, 0.78),
    (0.13, 0.22, 0.34),
    0,
)


def smooth(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """Smoothstep from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def clouds_of(height: int, width: int, cells: tuple[float, float], octaves: int, seed: int) -> np.ndarray:
    """Fractal value noise in about [0, 1]; ``cells`` across the height and the width for the coarsest octave."""
    random, total, weight = np.random.default_rng(seed), np.zeros((height, width), np.float32), 0.0
    for octave in range(octaves):
        shape = [max(2, round(c * 2**octave)) + 3 for c in cells]
        grid = random.random(shape).astype(np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 0.5**octave
        weight += 0.5**octave
    return np.asarray(total / weight)


def shrink(layer: np.ndarray) -> np.ndarray:
    """A supersampled layer at its final size. Colors are premultiplied by alpha, so averaging is right."""
    height, width = layer.shape[0] // OVER, layer.shape[1] // OVER
    return np.asarray(cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA))


def premultiplied(color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """``(H, W, 4)`` from ``(H, W, 3)`` and ``(H, W)``."""
    return np.dstack([np.clip(color, 0, 1) * alpha[..., None], alpha]).astype(np.float32)


def over(below: np.ndarray, layer: np.ndarray, left: int = 0, top: int = 0) -> None:
    """Lay a premultiplied ``layer`` onto ``below`` in place, with its corner at (left, top), cut at the borders."""
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(below.shape[0], top + layer.shape[0]), min(below.shape[1], left + layer.shape[1])
    part = layer[y0 - top : y1 - top, x0 - left : x1 - left]
    below[y0:y1, x0:x1] = below[y0:y1, x0:x1] * (1 - part[..., 3:]) + part[..., :3]


class Scene:
    """The landscape at one size and time of day; :meth:`frame` gives any moment of it."""

    def __init__(self, width: int, height: int, light: Light) -> None:
        self.width, self.height, self.light = width, height, light
        self.horizon = round(height * 0.66)
        self.sun = (width * 0.765, self.horizon - height * 0.215)
        wide = width + SCROLL_ROOM
        self.sky = self._sky()
        self.clouds = self._clouds(wide)
        self.far = self._mountains(wide, peak=0.46, haze=0.62, cells=5, seed=21, warmth=0.8, snow=True)
        self.near = self._mountains(wide, peak=0.24, haze=0.18, cells=9, seed=5, warmth=0.5, snow=False)
        self.ground = self._ground(wide)
        self.balloon = self._balloon(round(height * 0.21))
        self.ripples = clouds_of(height - self.horizon + 64, width, (30, 7), 2, 77)

    def frame(self, moment: int, *, hud: bool = True) -> np.ndarray:
        """The picture ``(H, W, 3)`` in [0, 1] after ``moment`` frames."""
        picture = self.sky.copy()
        over(picture, self.clouds, -(moment // 6))
        over(picture, self.disc)
        over(picture, self.far, -(moment // 4))
        over(picture, self.near, -(moment // 2))
        self._reflect(picture, moment)
        bob = round(3 * np.sin(moment * 2 * np.pi / 60))
        over(picture, self.balloon, round(self.width * 0.17) + moment // 3, round(self.height * 0.2) + bob)
        over(picture, self.ground, -moment, self.height - self.ground.shape[0])
        if hud:
            self._hud(picture, moment)
        return np.clip(picture, 0, 1)

    def _sky(self) -> np.ndarray:
        keys = np.array(self.light.sky, np.float32)
        place = np.linspace(0, 1, self.horizon) ** 1.15 * (len(keys) - 1)
        rows = np.stack([np.interp(place, range(len(keys)), keys[:, c]) for c in range(3)], -1)
        rows = cv2.GaussianBlur(rows[:, None].astype(np.float32), (1, 31), 8, borderType=cv2.BORDER_REPLICATE)
        picture = np.repeat(rows, self.width, 1)
        picture = np.concatenate([picture, np.repeat(picture[-1:], self.height - self.horizon, 0)])
        y, x = np.mgrid[: self.height, : self.width].astype(np.float32)
        far = np.hypot(x - self.sun[0], y - self.sun[1])
        glow = 0.38 * np.exp(-far / 55) + 0.30 * np.exp(-far / 17)
        self.disc = premultiplied(np.full((*far.shape, 3), (1.0, 0.94, 0.74)), 0.9 * (1 - smooth(10.2, 11.8, far)))
        sun = np.array(self.light.sun, np.float32)
        picture = picture + glow[..., None] * sun * (1.05 - 0.6 * picture)
        random = np.random.default_rng(3)
        for _ in range(self.light.stars):
            row, column = int(self.horizon * 0.5 * random.random() ** 1.6), random.integers(self.width)
            picture[row, column] += (0.55 * random.random() + 0.1) * np.array([0.9, 0.95, 1.0])
        return np.asarray(picture, np.float32)

    def _clouds(self, wide: int) -> np.ndarray:
        height = round(self.horizon * 0.92)
        noise = clouds_of(height, wide, (5, 5), 5, 11)
        band = np.exp(-(((np.arange(height) / height - 0.62) / 0.22) ** 2))[:, None]
        density = smooth(0.50, 0.78, noise * (0.62 + 0.55 * band))
        lit = smooth(-0.02, 0.05, noise - np.roll(noise, 5, 0)) * 0.75 + 0.25
        sky, sun = np.array(self.light.sky[2]), np.array(self.light.sun)
        color = sky * 0.85 + (sun - sky * 0.85) * lit[..., None] * (
            0.35 + 0.65 * np.linspace(0, 1, height)[:, None, None]
        )
        return premultiplied(color, density * 0.62)

    def _mountains(
        self, wide: int, *, peak: float, haze: float, cells: int, seed: int, warmth: float, snow: bool
    ) -> np.ndarray:
        height, width = self.horizon * OVER, wide * OVER
        line = clouds_of(8, width, (1, cells), 6, seed)[4]
        sharp = 1 - 2 * np.abs(clouds_of(8, width, (1, cells * 0.7), 4, seed + 1)[4] - 0.5)
        line = (line * 0.55 + sharp * 0.45 - 0.38) / 0.5
        top = height - (0.12 + np.clip(line, -0.2, 1.1) * (1 - 0.12)) * peak * self.height * OVER
        y = np.arange(height, dtype=np.float32)[:, None]
        rock = clouds_of(height, width, (16, cells * 6), 5, seed + 2)
        slope = np.gradient(cv2.GaussianBlur(rock, (0, 0), OVER * 0.7), axis=1) * 55 + np.gradient(top)[None] * 0.22
        bright = smooth(-0.75, 0.75, slope)
        sun, shade = np.array(self.light.sun), np.array(self.light.shade)
        stone = shade + (sun * np.array([0.62, 0.44, 0.42]) - shade) * bright[..., None] * warmth
        if snow:
            cover = smooth(0.0, 10 * OVER, top.mean() - 6 * OVER - y + (rock - 0.5) * 60 * OVER)[..., None]
            white = shade * 1.7 + (sun * 1.02 - shade * 1.7) * bright[..., None]
            stone = stone + (white - stone) * cover
        mist = np.clip(haze + (1 - haze) * (y / height) ** 7 * 0.75, 0, 1)[..., None]
        color = stone + (np.array(self.light.sky[3]) * 0.9 - stone) * mist * 0.85
        return shrink(premultiplied(color, np.clip(y - top[None] + 0.5, 0, 1)))

    def _reflect(self, picture: np.ndarray, moment: int) -> None:
        """Fill the rows under the horizon with a rippled mirror image, and the sun's path on it."""
        rows = self.height - self.horizon
        depth = np.arange(rows, dtype=np.float32)[:, None]
        x = np.arange(self.width, dtype=np.float32)[None]
        wave = self.ripples[moment // 2 % 60 :][:rows] - 0.5
        shift = np.sin(depth * 0.9 + moment * 0.18) * 0.6 + wave * (3 + depth * 0.22)
        source_y = np.clip(self.horizon - 1 - depth * 1.25 - np.abs(wave) * depth * 0.6, 0, self.horizon - 1)
        mirrored = cv2.remap(picture, (x + shift * 1.6).astype(np.float32), (source_y + 0 * x).astype(np.float32),
                             cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)  # fmt: skip
        fade = (0.90 - 0.28 * depth / rows)[..., None]
        water = mirrored * fade * np.array([0.80, 0.82, 0.95]) + np.array(self.light.shade) * 0.16
        path = np.exp(-(((x - self.sun[0]) / (9 + depth * 0.42)) ** 2)) * smooth(0.02, 0.22, wave)
        water += (path * 0.75)[..., None] * np.array(self.light.sun)
        picture[self.horizon :] = water

    def _ground(self, wide: int) -> np.ndarray:
        """A meadow with pines in front of everything, lit from the right."""
        tall = round(self.height * 0.42)
        height, width = tall * OVER, wide * OVER
        y, x = np.mgrid[:height, :width].astype(np.float32)
        hill = clouds_of(8, width, (1, 6), 3, 31)[4]
        top = height - (17 + (hill - 0.5) * 24) * OVER
        tufts = np.abs(np.sin(np.arange(width) * 0.31) * np.sin(np.arange(width) * 0.113)) * 2.2 * OVER
        below = y - (top - tufts)[None]
        texture = clouds_of(height, width, (14, 60), 4, 33)
        rim = np.exp(-np.clip(below, 0, None) / (3.2 * OVER))
        sun = np.array(self.light.sun)
        grass = np.array([0.07, 0.13, 0.12]) + texture[..., None] * np.array([0.09, 0.14, 0.07])
        color = grass * (1.12 - 0.5 * np.clip(below / (30 * OVER), 0, 1))[..., None]
        color = color + rim[..., None] * sun * np.array([0.34, 0.42, 0.16]) * (0.5 + texture[..., None])
        layer = premultiplied(color, np.clip(below + 0.5, 0, 1))
        random = np.random.default_rng(8)
        for place in np.cumsum(random.integers(16, 62, 12)):
            if place < wide - 12:
                foot = float(top[min(width - 1, int(place) * OVER)]) + 3 * OVER
                self._pine(layer, int(place) * OVER, foot, float(random.integers(30, 58)) * OVER, x, y)
        return shrink(layer)

    def _pine(self, layer: np.ndarray, left: int, foot: float, tall: float, x: np.ndarray, y: np.ndarray) -> None:
        rise = (foot - y) / tall
        tiers = 1 - np.clip(rise, 0, 1) + 0.10 * np.mod(-rise * 6, 1)
        half = np.clip(tiers * 0.21 * tall, 0, None)
        side = (x - left) / np.maximum(half, 1)
        inside = (np.abs(side) < 1) & (rise > 0.08) & (rise < 1)
        trunk = (np.abs(x - left) < 1.2 * OVER) & (rise >= -0.02) & (rise <= 0.1)
        bright = smooth(-0.3, 1.1, side + 0.35 * np.mod(-rise * 6, 1))[..., None]
        sun = np.array(self.light.sun)
        color = np.array([0.045, 0.085, 0.105]) + bright * sun * np.array([0.36, 0.34, 0.15])
        color = np.where(trunk[..., None], np.array([0.16, 0.09, 0.08]), color)
        mask = inside | trunk
        layer[mask] = premultiplied(color, mask.astype(np.float32))[mask]

    def _balloon(self, tall: int) -> np.ndarray:
        size = tall * OVER
        y, x = np.mgrid[:size, : round(size * 0.8)].astype(np.float32) / size
        dx, dy = (x - 0.4) / 0.38, (y - 0.37) / 0.37
        dx = dx / (1 - 0.32 * smooth(0.1, 1.0, dy))
        inside = 1 - smooth(0.96, 1.0, np.hypot(dx, dy))
        nz = np.sqrt(np.clip(1 - dx**2 - dy**2, 0, 1))
        around = np.arcsin(np.clip(dx / np.sqrt(np.clip(1 - dy**2, 0.02, 1)), -1, 1))
        stripe = smooth(-0.25, 0.25, np.sin(around * 6 + 0.6))[..., None]
        color = np.array([0.80, 0.16, 0.20]) * (1 - stripe) + np.array([0.98, 0.86, 0.62]) * stripe
        light = np.clip(0.62 * dx + 0.30 * dy * 0.4 - 0.22 * dy + 0.62 * nz, 0, 1)[..., None]
        color = color * (np.array(self.light.shade) * 1.5 + light * np.array(self.light.sun) * 0.95)
        color = color + (light**14) * 0.35
        basket = (np.abs(x - 0.4) < 0.085) & (y > 0.86) & (y < 0.985)
        ropes = (np.abs(np.abs(x - 0.4) - (0.085 + (0.86 - y) * 0.5)) < 0.012) & (y > 0.66) & (y <= 0.86)
        weave = 0.75 + 0.25 * np.sin(x * 150) * np.sin(y * 150)
        wood = np.array([0.52, 0.32, 0.17]) * (weave * (0.55 + 3.2 * (x - 0.32)))[..., None]
        color = np.where(basket[..., None], wood, np.where(ropes[..., None] & (inside[..., None] < 0.5), 0.13, color))
        return shrink(premultiplied(color, np.maximum(inside, (basket | ropes).astype(np.float32))))

    def _hud(self, picture: np.ndarray, moment: int) -> None:
        """Crisp text with an outline: what a restorer must leave as it is."""
        write(picture, f"SCORE {12600 + moment // 12 * 50:06d}", 10, 9, ((1, 1, 1), (1, 0.84, 0.38)))
        write(picture, f"TIME {97 - moment // 60:03d}", self.width - 60, 9, ((1, 1, 1), (0.62, 0.86, 1)))
        write(picture, "***", 10, 20, ((1, 0.55, 0.55), (0.85, 0.10, 0.20)))


def write(picture: np.ndarray, text: str, left: int, top: int, colors: tuple[tuple[float, ...], ...]) -> None:
    """Draw ``text`` in GLYPHS with a black outline, its rows shaded from the first color to the second."""
    mask = np.zeros((9, 6 * len(text) + 3), bool)
    for i, letter in enumerate(text):
        for row, bits in enumerate(GLYPHS[letter]):
            for column in range(5):
                mask[row + 1, 6 * i + column + 1] = bits >> (4 - column) & 1
    outline = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    part = picture[top : top + mask.shape[0], left : left + mask.shape[1]]
    part[outline] = (0.03, 0.02, 0.06)
    share = np.linspace(0, 1, mask.shape[0])[:, None, None]
    shaded = np.array(colors[0]) * (1 - share) + np.array(colors[1]) * share
    part[mask] = np.broadcast_to(shaded, part.shape)[mask]
