"""The screens of game_screens.py: which art of a game belongs together, and how a screen is composed of it."""

from __future__ import annotations

import math
from pathlib import Path

from game_stage import Stage
from PIL import Image

# SuperTux: layers from far to near, then the ground and the box of it that is repeated
SNOW, WOOD = ("snow/background", (32, 0, 64, 96)), ("forest/foresttiles-1", (32, 0, 96, 160))
STONE, MINE = ("castle/background", (0, 0, 128, 128)), ("crystalcave/background", (0, 0, 128, 64))
STACKS = [
    (("antarctic/SnowMountainsSky", "bluemountain/bluemountain-middle"), SNOW),
    (("snowmountains/snowmountains",), SNOW),
    (("block_snow/block-snow-background", "block_snow/block-snow-midground"), SNOW),
    (("icecliffs/icecliffs-top", "icecliffs/icecliffs-middle"), MINE),
    (("cloud_mountains/cloud-mountains-bottom", "cloud_mountains/cloud-mountains-midground"), WOOD),
    (("nightsky/nightsky_middle", "forest/dawn_hill_para_blur"), WOOD),
    (("forest/nighthills", "forest/forest_para2"), WOOD),
    (("halloween/sky", "halloween/mountain"), STONE),
]
THEMES = ["Beach", "Nature", "Sheep", "Jungle", "Cave", "Snow", "Fruit", "Stage"]
FIXTURES = ("Border", "Chunk", "Flake", "Girder", "Land", "Sky", "SD", "horizont", "icon", "Splash", "Dro", "Cloud",
            "Blue", "Water", "am")  # of a theme, besides its objects  # fmt: skip
# Wesnoth: ground and what stands on it
HEXES = [
    ("grass/green", "forest/deciduous-summer*", "village/human?"),
    ("sand/desert", "village/desert?", "hills/desert*"),
    ("frozen/snow", "forest/mixed-winter-snow*", "village/elven-snow?"),
    ("grass/dry", "forest/mixed-fall*", "village/human?"),
    ("flat/dirt", "forest/great-tree*", "hills/dry?"),
    ("grass/semi-dry", "forest/deciduous-fall*", "village/elven?"),
    ("cave/floor", "village/dwarven?", "village/cave?"),
    ("sand/beach", "village/coast?", "forest/mixed-summer*"),
]
HOUSES = ["res*", "industry[hl]?1", "market-*", "windmill?[rgw]", "mill?", "blacksmith?", "school0", "university",
          "firestation?", "health", "commune?", "farm*", "pottery?", "monument[3-5]", "coalmine*"]  # fmt: skip
ROADS, WILD = ("roadlr", "roadud", "trackud", "raillr"), ("tree", "tree2", "tree3", "parkland-lake", "green")


def supertux(stage: Stage) -> None:
    """Parallax layers, ground, blocks in the air, creatures."""
    layers, (ground, box) = STACKS[stage.number % len(STACKS)]
    floor, start = 256 - stage.rng.choice((32, 48, 64)), stage.rng.random()
    for depth, name in enumerate(layers):
        stage.layer(f"background/{name}", 260, 256, start * (1 + depth))
    piece = stage.load(f"tiles/{ground}").crop(box)
    for x in range(0, 256, piece.width):
        stage.put(piece, x, floor)
    first = stage.rng.randrange(20, 100)
    for x in range(first, first + 32 * stage.rng.randint(2, 4), 32):
        stage.put(
            stage.load(f"objects/bonus_block/{stage.rng.choice(('full-0', 'purple_0', 'orange_0'))}"), x, floor - 110
        )
    for x in (50, 130, 205):
        stage.stand(stage.pick("creatures/*/*left*", "creatures/*/walk*", "creatures/tux/*/walk*"), x, floor + 3)


def hedgewars(stage: Stage) -> None:
    """A theme's sky and horizon, hills of its land with a border, its objects on them."""
    theme = f"Themes/{THEMES[stage.number % len(THEMES)]}"
    start, wave = stage.rng.random(), stage.rng.uniform(0, 6)
    stage.layer(f"{theme}/Sky", 260, 256, start)
    stage.layer(f"{theme}/horizont", 150, 240, start * 2)
    land, border = stage.load(f"{theme}/LandTex"), stage.load(f"{theme}/Border")
    tops = [round(185 + 20 * math.sin(wave + x / 45) + 7 * math.sin(wave * 3 + x / 19)) for x in range(256)]
    things = [name for name in stage.find(f"{theme}/*") if not Path(name).name.startswith(FIXTURES)]
    for x in (45, 125, 205):
        stage.stand(stage.pick(*things), x, tops[x] + 10)
    for x, top in enumerate(tops):
        for y in range(top, 256, land.height):
            stage.put(land.crop((x % land.width, 0, x % land.width + 1, land.height)), x, y)
        stage.put(border.crop((x % border.width, 0, x % border.width + 1, 16)), x, top - 4)
    stage.stand(stage.pick("Graphics/Graves/*", "Graphics/Hats/*"), 165, tops[165] + 4)


def wesnoth(stage: Stage) -> None:
    """Hexes of one ground, some with woods, houses or monsters; in every second screen somebody speaks."""
    ground, *features = HEXES[stage.number % len(HEXES)]
    grounds = [ground, *stage.find(f"terrain/{ground}[2-8]")]
    grounds[0] = f"terrain/{ground}"
    spots = [(54 * column - 36, 72 * row - 36 * (column % 2) - 36) for row in range(6) for column in range(7)]
    for x, y in [(x + 27, y + 18) for x, y in spots] + spots:  # twice: the hexes' borders are soft
        stage.put(stage.load(stage.rng.choice(grounds)), x, y)
    for x, y in spots:
        draw = stage.rng.random()
        if draw < 0.3:
            stage.stand(stage.pick(*(f"terrain/{name}" for name in features)), x + 36, y + 66)
        elif draw < 0.45:
            stage.stand(stage.pick("units/monsters/*", "units/monsters/*/*"), x + 36, y + 62)
    if stage.number % 2:
        portrait = stage.load(stage.rng.choice(stage.find("portraits/*/*")))
        portrait.thumbnail((230, 230), Image.Resampling.LANCZOS)
        stage.put(portrait, stage.rng.choice((-20, 60)), 256 - portrait.height)


def lincity(stage: Stage) -> None:
    """Grounds, roads, woods and houses on diamonds of 128x64, at half size."""
    spots = [(64 * (column - row) + 256, 32 * (column + row) - 300) for row in range(18) for column in range(18)]
    road = stage.rng.choice(ROADS)
    for x, y in [(x, y + 32) for x, y in spots] + spots:  # twice: the diamonds' borders are soft
        stage.stand(stage.load("blank" if stage.rng.random() < 0.2 else "green"), x, y)
    for number, (x, y) in enumerate(spots):
        draw = stage.rng.random()
        if number % 18 == 9:
            stage.stand(stage.load(road), x, y)
        elif draw < 0.25:
            stage.stand(stage.load(stage.rng.choice(WILD)), x, y)
        elif draw < 0.42:
            stage.stand(stage.pick(*HOUSES), x, y)


def full_color(path: Path) -> bool:
    """Whether a picture is large enough for a screen and has no palette of its own."""
    with Image.open(path) as picture:
        return picture.mode == "RGB" and min(picture.size) >= 256


def fillets(stage: Stage) -> None:
    """A part of a level: its painted background, its walls, and some of its creatures in the water."""
    rooms = [name[:-2] for name in stage.find("*/*-p") if stage.find(name[:-1] + "w") and "fdto" not in name]
    rooms = [room for room in rooms if full_color(stage.art / f"{room}-p.png")]
    room = rooms[(stage.number * len(rooms) // 8 + stage.rng.randrange(3)) % len(rooms)]
    water, walls = stage.load(f"{room}-p"), stage.load(f"{room}-w")
    width, height = (min(sizes) for sizes in zip(water.size, walls.size, strict=True))
    corners = [(stage.rng.randrange(width - 255), stage.rng.randrange(height - 255)) for _ in range(12)]
    solid = walls.getchannel("A")

    def share(corner: tuple[int, int]) -> float:
        """How far from half of that part is wall."""
        x, y = corner
        return abs(0.5 - solid.crop((x, y, x + 256, y + 256)).histogram()[255] / 65536)

    x, y = min(corners, key=share)
    stage.put(water.crop((x, y, x + 256, y + 256)), 0, 0)
    for left, top in ((30, 60), (150, 150)):
        stage.put(stage.pick(f"{Path(room).parent}/*_0?", "fishes/*/*/body_*_00"), left, top)
    stage.put(walls.crop((x, y, x + 256, y + 256)), 0, 0)
