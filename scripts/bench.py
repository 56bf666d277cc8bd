"""Speed of the main job, measured end to end and beside the bare network on the same frames, in one run.

python scripts/bench.py [--size 256x240] [--frames 600] [--restorers cellnet-s cellnet-m]
python scripts/bench.py reuse CLIP... [--restorers cellnet-s] [--rounds 2] [--seconds 0]

Makes a clip without repeated frames (x264 4:2:0, 5-bit colour), restores it to AV1 10-bit with decode and encode, then
runs the network alone on the same pictures with the same workers. Prints frames a second, the ratio of the two, and
the share of the wall time in which the slowest stage was busy. With "reuse", clips are restored with and without reuse
in turns: the work of the network (multiply-accumulates, halos included) and the pixels that were new, as shares of full
inference, speed end to end, processor time, and the largest difference between the two results after decoding.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads: spinning threads would starve the codec
os.environ.setdefault("KMP_BLOCKTIME", "0")

import av
import bench_reuse
import numpy as np
import torch

from vdequant.frame_work import Recipe, restore_native
from vdequant.frames import Frame, Layout
from vdequant.pipeline import restore
from vdequant.quantizers.uniform import UniformQuantizer
from vdequant.restorers.ensemble import viewed
from vdequant.restorers.loading import load_restorer
from vdequant.schedule.cpu import CpuWorkers
from vdequant.schedule.device import choose_engine
from vdequant.schedule.stages import run_stages
from vdequant.settings import Settings


def picture(width: int, height: int, t: int) -> np.ndarray:
    """A moving, shaded, 5-bit picture: every frame differs everywhere."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = [np.sin((x + 2 * t) / (19 + 7 * c)) * np.cos((y + t) / (23 + 5 * c)) for c in range(3)]
    shaded = np.stack([0.5 + 0.45 * wave for wave in waves], axis=-1)
    steps = np.round(shaded * 31).astype(np.uint8)
    return (steps << 3) | (steps >> 2)


def write_clip(path: Path, width: int, height: int, frames: int) -> None:
    """Encode the pictures losslessly as captures are (x264 RGB), 60 frames a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=60, options={"qp": "0", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "rgb24"
        for t in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(width, height, t), format="rgb24")
            frame.pts, frame.time_base = t, Fraction(1, 60)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def bare_fps(name: str, width: int, height: int, frames: int, workers: int) -> float:
    """The network alone: pictures in memory, no codec, the same workers."""
    engine = choose_engine("auto", workers)
    restorer = viewed(load_restorer(name).to(engine.device, engine.dtype))
    quantizer = UniformQuantizer.of_bits((5, 5, 5))
    recipe = Recipe(restorer, quantizer, Layout(width, height))
    pictures = [torch.from_numpy(picture(width, height, t)).permute(2, 0, 1)[None].float() / 255 for t in range(8)]
    layout = Layout(width, height, "gray")
    tokens = [Frame((torch.full((height, width), t % 8, dtype=torch.uint8),), layout, t) for t in range(frames)]

    def work(frame: Frame) -> torch.Tensor:
        return restore_native(recipe, pictures[int(frame.planes[0][0, 0])].to(engine.device))

    pool = CpuWorkers(work, engine.workers)
    began = time.perf_counter()
    run_stages(tokens, pool, lambda _item, _result: None, reuse=0)
    pool.close()
    return frames / (time.perf_counter() - began)


def table(width: int, height: int, frames: int, restorers: Sequence[str], workers: int) -> str:
    """A Markdown table, a row a restorer."""
    lines = ["| restorer | end to end, fps | bare network, fps | ratio | slowest stage | busy |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mkv"
        write_clip(clip, width, height, frames)
        for name in restorers:
            settings = Settings(restorer=name, scale=1, workers=workers, overwrite=True, reuse=False)
            done = restore(str(clip), str(Path(folder) / "out.mkv"), settings)
            bare = bare_fps(name, width, height, frames, workers)
            ratio, stage = done.fps / bare, f"{done.busiest} | {done.busy_share:.2f}"
            lines.append(f"| {name} | {done.fps:.1f} | {bare:.1f} | {ratio:.2f} | {stage} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["speed", "reuse"], default="speed", help="which table")
    parser.add_argument("clips", nargs="*", type=Path, help="for reuse: clips to restore")
    parser.add_argument("--rounds", type=int, default=1, help="for reuse: times that each clip is restored each way")
    parser.add_argument("--seconds", type=float, default=0.0, help="for reuse: how much of each clip; 0 = all")
    parser.add_argument("--size", default="256x240", help="WIDTHxHEIGHT of the clip")
    parser.add_argument("--frames", type=int, default=600, help="frames of the clip")
    parser.add_argument("--restorers", nargs="+", default=[], help="names")
    parser.add_argument("--workers", type=int, default=0, help="worker threads; 0 = one a core")
    args = parser.parse_args()
    engine = choose_engine("auto", args.workers).describe()
    if args.what == "reuse":
        print(engine)
        for name in args.restorers or ["cellnet-s"]:
            for line in bench_reuse.table(args.clips, name, args.workers, args.seconds, args.rounds):
                print(line, flush=True)
        return
    width, height = (int(number) for number in args.size.split("x"))
    print(f"{args.size}, {args.frames} frames, {engine}")
    print(table(width, height, args.frames, args.restorers or ["identity", "cellnet-s", "cellnet-m"], args.workers))


if __name__ == "__main__":
    main()
