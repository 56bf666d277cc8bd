"""What a segment's end without a cut changes: python scripts/measure_segments.py CLIP...

A job that goes on gives the frames of a job that never stopped, because both begin every segment afresh. Against a job
without segments (--no-resume) a smoother forgets the frames before an end. Here an end is forced every two seconds, and
the frames behind it are compared, in codes of 255.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from vdequant import Settings, resuming
from vdequant.pipeline import restore

EVERY, SECONDS = 2, 6.0  # seconds between two ends, and of each clip
BEHIND = 30  # frames behind an end that are reported


def pictures(path: Path) -> list[NDArray[np.float32]]:
    """Samples in codes of 255."""
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="gbrp16le").astype(np.float32) / 257 for frame in film.decode(video=0)]


def main() -> int:
    """Print a line for each clip and smoother."""
    resuming.SHORTEST = resuming.LONGEST = EVERY
    print("clip, smoother: mean difference of the first frames behind an end, its maximum; mean of all frames, maximum")
    with tempfile.TemporaryDirectory() as folder:
        for clip in sys.argv[1:]:
            for temporal in ("lock", "flow"):
                found = {}
                for resume in (True, False):
                    target = Path(folder, f"{resume}.mkv")
                    settings = Settings(
                        temporal=temporal, resume=resume, lossless=True, duration=SECONDS, overwrite=True, device="cpu"
                    )
                    restore(clip, str(target), settings)
                    found[resume] = pictures(target)
                apart = [np.abs(a - b) for a, b in zip(found[True], found[False], strict=True)]
                rate = len(apart) / SECONDS
                ends = [round(rate * EVERY * i) for i in range(1, int(SECONDS / EVERY))]
                near = [apart[i] for end in ends for i in range(end, min(end + BEHIND, len(apart)))]
                numbers = [np.mean(near), np.max(near), np.mean([a.mean() for a in apart]), max(a.max() for a in apart)]
                print(f"{Path(clip).name}, {temporal}: " + ", ".join(f"{n:.3f}" for n in numbers), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
