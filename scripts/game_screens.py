"""Makes game screens for tests, from the art of free games that no training picture comes from.

python scripts/game_screens.py OUT [--packages DIR] [--each 8] [--seed 1]

The art is taken out of Debian packages (apt-get download, dpkg-deb -x; nothing is installed) and put together by
game_scenes.py as the games do it. OUT gets 256x256 lossless WebP pictures, the same for the same packages and seed,
and sources.csv with the package, version and license of each and the art that is in it. All of them are for tests.
"""

from __future__ import annotations

import argparse
import csv
import random
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from game_scenes import fillets, hedgewars, lincity, supertux, wesnoth
from game_stage import SIDE, Stage


@dataclass(frozen=True)
class Game:
    """A game: its Debian package, its art below usr/share/games, the license of the art, and how to compose it."""

    package: str
    art: str
    license: str
    compose: Callable[[Stage], None]
    size: int = SIDE


GAMES = {
    "supertux": Game("supertux-data", "supertux2/images", "GPL-3+", supertux),
    "hedgewars": Game("hedgewars-data", "hedgewars/Data", "GPL-2", hedgewars),
    "wesnoth": Game("wesnoth-1.16-data", "wesnoth/1.16/data/core/images", "GPL-2+", wesnoth),
    "lincity": Game("lincity-ng-data", "lincity-ng/images/tiles", "GPL-2+", lincity, 512),
    "fillets": Game("fillets-ng-data", "fillets-ng/images", "GPL-2", fillets),
}


def unpacked(game: Game, folder: Path) -> tuple[Path, str]:
    """The folder of a game's art and its package's version; the package is downloaded when ``folder`` lacks it."""
    if not list(folder.glob(f"{game.package}_*.deb")):
        print(f"downloading {game.package}", flush=True)
        subprocess.run(["apt-get", "download", game.package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    package = sorted(folder.glob(f"{game.package}_*.deb"))[-1]
    if not (folder / package.stem).exists():
        subprocess.run(["dpkg-deb", "-x", package, folder / package.stem], check=True)
    asked = ["dpkg-deb", "-f", package, "Version"]
    version = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    return folder / package.stem / "usr/share/games" / game.art, version


def make_screens(out: Path, packages: Path, each: int, seed: int) -> None:
    """Write ``each`` screens of every game, and the list of their sources."""
    out.mkdir(parents=True, exist_ok=True)
    packages.mkdir(parents=True, exist_ok=True)
    with (out / "sources.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["picture", "package", "version", "license", "art"])
        for name, game in GAMES.items():
            art, version = unpacked(game, packages)
            for number in range(each):
                stage = Stage(art, number, random.Random(f"{seed} {name} {number}"), game.size)
                game.compose(stage)
                picture = f"{name}_{number:02}.webp"
                stage.screen().save(out / picture, lossless=True, method=4)
                rows.writerow([picture, game.package, version, game.license, " ".join(sorted(stage.used))])
            print(f"{each} screens of {name}, {game.package} {version}", flush=True)


def main() -> None:
    """Read the command line and make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the pictures and sources.csv")
    parser.add_argument(
        "--packages", type=Path, help="folder of *.deb files to take and to keep; default: a passing one"
    )
    parser.add_argument("--each", type=int, default=8, help="screens of each game")
    parser.add_argument("--seed", type=int, default=1, help="another number gives other screens")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        make_screens(args.out, (args.packages or Path(passing)).resolve(), args.each, args.seed)


if __name__ == "__main__":
    main()
