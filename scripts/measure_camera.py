"""What smoothing over time does to pictures that a camera moves over, and to skies that turn (the README's figures).

python scripts/measure_camera.py PHOTO... [--crf 27] [--noise 0] [--frames 48]

Each photo is cut to 480x320 and made a clip: it is panned by 1.3 pixels a frame, zoomed by 0.6 %, turned by 0.4
degrees, faded in, and held still; besides, two colors flow into each other along a direction that turns. The clips
are compressed by x264 in 4:2:0 and restored by default with ``--temporal off`` and ``flow``. With ``--noise`` they get
noise of so many codes before, which is not part of the truth.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from measure_flicker import compress, pictures_of, restored_row, row
from numpy.typing import NDArray

from vdequant.settings import Settings

WIDTH, HEIGHT = 480, 320
SCALE = 0.8  # of the photos
ENDS = np.array([[153, 38, 26], [26, 76, 190]], np.float32)  # of nearly the same luma, so that color alone tells

Picture = NDArray[np.float32]
Scene = Callable[[Picture, int], Picture]


def placed(photo: Picture, times: float = 1.0, degrees: float = 0.0, across: float = 0.0) -> Picture:
    """What a camera sees of ``photo`` ``(H, W, 3)``."""
    height, width = photo.shape[:2]
    place = cv2.getRotationMatrix2D((width / 2 + across, height / 2), degrees, SCALE * times)
    place[:, 2] += (WIDTH - width) / 2 - across, (HEIGHT - height) / 2
    seen = cv2.warpAffine(photo, place, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(seen, np.float32)


def sky(_: Picture, moment: int) -> Picture:
    """Two colors along a direction that turns."""
    down, across = np.mgrid[-HEIGHT / 2 : HEIGHT / 2, -WIDTH / 2 : WIDTH / 2] / WIDTH
    share = np.clip(0.5 + across * np.cos(0.02 * moment) + down * np.sin(0.02 * moment), 0, 1)[..., None]
    return np.asarray(ENDS[0] * share + ENDS[1] * (1 - share), np.float32)


SCENES: dict[str, Scene] = {
    "panned": lambda photo, moment: placed(photo, across=1.3 * moment - 30),
    "zoomed": lambda photo, moment: placed(photo, times=1.006**moment),
    "turned": lambda photo, moment: placed(photo, degrees=0.4 * moment),
    "faded in": lambda photo, moment: placed(photo) * np.float32(min(0.1 + moment / 40, 1)),
    "held still": lambda photo, moment: placed(photo),
}


def write(path: Path, pictures: Iterator[Picture]) -> None:
    """``(HEIGHT, WIDTH, 3)`` in codes, without loss."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.rint(picture).clip(0, 255).astype(np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def measure(name: str, scene: Scene, photo: Picture, folder: Path, args: argparse.Namespace) -> None:
    """The rows of one clip."""
    noise = np.random.default_rng(1)
    original, noisy, given, target = (folder / f"{part}.mkv" for part in ("original", "noisy", "given", "restored"))
    truth = [scene(photo, moment) for moment in range(args.frames)]
    write(original, iter(truth))
    write(noisy, (picture + noise.normal(0, args.noise, picture.shape) for picture in truth))
    compress(noisy, given, args.crf, 1)
    clean = pictures_of(original)
    row(name, "nothing", pictures_of(given), clean)
    for temporal in ("off", "flow"):
        restored_row(name, given, target, clean, Settings(temporal=temporal))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+", help="pictures of 600x400 pixels or more")
    parser.add_argument("--crf", type=int, default=27, help="of x264")
    parser.add_argument("--noise", type=float, default=0, help="standard deviation, in codes of 8 bits")
    parser.add_argument("--frames", type=int, default=48, help="of each clip")
    args = parser.parse_args()
    print("| clip | method | PSNR | flicker, codes² | E_warp x 1e5 | |\n| --- | --- | --- | --- | --- | --- |")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        measure("sky that turns", sky, np.zeros((HEIGHT, WIDTH, 3), np.float32), Path(folder), args)
        for path in args.photos:
            photo = cv2.imread(str(path))
            if photo is None:
                parser.error(f"expected a picture, could not read {path}")
            for name, scene in SCENES.items():
                pixels = np.ascontiguousarray(photo[..., ::-1], np.float32)
                measure(f"{path.stem}, {name}", scene, pixels, Path(folder), args)


if __name__ == "__main__":
    main()
