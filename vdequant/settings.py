"""The options of one restoration, one dataclass for the command line and for Python callers alike."""

from __future__ import annotations

from dataclasses import dataclass

from vdequant.checks import check_choice, check_fraction, read_rate, read_size
from vdequant.errors import UsageError

MATRICES = ("auto", "601", "709", "2020")
RANGES = ("auto", "tv", "pc")
CHROMAS = ("auto", "420", "422", "444")
DITHERS = ("auto", "keep", "remove")
NATIVE_GRIDS = ("auto", "off")
DEINTERLACINGS = ("auto", "off", "bwdif", "fields")
SCALERS = ("nearest", "xbr")
TEMPORALS = ("auto", "off", "lock", "flow")
FLICKERS = ("keep", "blend")
VIEW_COUNTS = (1, 2, 4, 8)
SAMPLERS = ("ddpm", "ddim", "dpm")
STREAM_FORMATS = ("nut", "y4m", "rawvideo")
MOST_NEIGHBORS = 4  # on each side
MOST_WORKERS = 1024  # each is a thread with pictures of its own
LONGEST = 1e8  # seconds, three years: beyond, timestamps overflow
MOST_PIXELS = 1 << 27  # 16384x8192; restoring one takes some 10 GB
MOST_FRAMES = 10_000_000  # 46 hours at 60 a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to do and how to write it. Defaults are those of ``vdequant IN -o OUT``."""

    restorer: str = "auto"  # a name of RESTORERS, or auto: chosen by device and speed
    quantizer: str = "auto"  # what was lost, e.g. "m=4", "5-5-5", "palette:16"; auto: estimated from the input
    unknown_threshold: bool = False  # of black and white: it is estimated with the picture, by the restorer "map"
    fidelity: float = 1.0  # share of the way that the result is moved into the cells; 1 = certificate
    native_grid: str = "auto"  # auto: work at native size where the input is enlarged or has bars; off: as stored
    deinterlace: str = "auto"  # of interlaced video: bwdif or fields make a picture of each field; off: as stored
    dither: str = "auto"  # auto: undo dither only where clearly found; keep: it is texture; remove: it is shade
    mask: str = ""  # picture of the input's size: what is white there stays as it was
    views: int = 0  # turned and mirrored, that the restorer is asked for; the mean is taken; 0 = its own number
    sampler: str = ""  # of the restorer diffusion: ddpm, ddim, dpm (DPM-Solver++); "" = what suits the job
    steps: int = 0  # of the sampler; 0 = its default
    seed: int = 0  # of its noise: the same one gives the same picture
    samples: int = 0  # that are drawn; of several the mean is the result; 0 = what suits the job
    base: str = ""  # of the restorer diffusion: a name in the Hugging Face cache, or a folder; "" = the one that ships
    encoder: str = ""  # file of an encoder that was trained for the base
    temporal: str = "auto"  # steady over time: lock equal colors in place, or follow the flow; auto: suits the source
    flicker: str = "keep"  # what is shown every other frame: keep, or blend both phases
    neighbors: int = 0  # frames on each side that are asked what they show of the same places; implies no reuse
    reuse: bool = True  # restore content that comes again, or moves by whole pixels, once
    device: str = "auto"  # auto, cpu, cuda, cuda:1
    workers: int = 0  # CPU worker threads; 0 = one a core
    tile: int = 0  # side of a tile in pixels; 0 = automatic
    codec: str = "auto"  # auto by container, or av1, hevc, h264, ffv1, prores, vp9
    lossless: bool = False  # FFV1 RGB, 10 bits or what `bits` says
    crf: float | None = None  # encoder quality; None = the codec's default here
    preset: str = ""  # encoder preset; "" = ours
    bits: int = 0  # depth of the output samples; 0 = 16 for pictures, 10 for video
    chroma: str = "auto"  # 420, 422, 444; auto = the codec's default
    scale: int = 0  # integer enlargement after restoring; 0 = automatic
    scaler: str = "nearest"  # what enlarges: nearest, xbr, or a file of weights; counts enlargement of the input, too
    matrix: str = "auto"  # override of an untagged or wrongly tagged source
    range: str = "auto"  # override: tv (limited) or pc (full)
    start: float = 0.0  # seconds from the beginning
    duration: float = 0.0  # seconds; 0 = to the end
    vfr: bool = False  # write pictures that follow each other unchanged once, with the time of them all
    compare: bool = False  # left half: source, right half: restored
    overwrite: bool = False  # replace an existing output
    raw_size: str = ""  # "256x240": the input is raw pictures of this size, without any header
    fps: str = ""  # of raw pictures and of folders without a list; "" = 60
    pix_fmt: str = ""  # of raw pictures, FFmpeg's name; "" = rgb24
    stream_format: str = "nut"  # of standard output: nut, y4m or rawvideo
    live: bool = False  # the input comes while it plays: pictures go out at once, and how late they are is told
    resume: bool | None = None  # keep finished segments until the job is done; None: of jobs longer than half a minute
    max_pixels: int = MOST_PIXELS  # of a picture of the input; headers can claim more than any memory holds
    max_frames: int = MOST_FRAMES  # of the input

    def __post_init__(self) -> None:
        check_fraction(self.fidelity, "--fidelity")
        check_choice(self.matrix, MATRICES, "--matrix")
        check_choice(self.range, RANGES, "--range")
        check_choice(self.chroma, CHROMAS, "--chroma")
        check_choice(self.dither, DITHERS, "--dither")
        check_choice(self.native_grid, NATIVE_GRIDS, "--native-grid")
        check_choice(self.deinterlace, DEINTERLACINGS, "--deinterlace")
        check_choice(self.temporal, TEMPORALS, "--temporal")
        check_choice(self.flicker, FLICKERS, "--flicker")
        if self.views and self.views not in VIEW_COUNTS:
            raise UsageError(f"expected --views as one of 1, 2, 4, 8, got {self.views}")
        if not (self.bits == 0 or 8 <= self.bits <= 16):
            raise UsageError(f"expected --bits between 8 and 16, got {self.bits}")
        if not 0 <= self.scale <= 16:
            raise UsageError(f"expected --scale between 1 and 16, got {self.scale}")
        if not (0 <= self.start <= LONGEST and 0 <= self.duration <= LONGEST):  # not-a-numbers fail this, too
            raise UsageError(
                f"expected --start and --duration from 0 to {LONGEST:.0f} seconds, got {self.start} and {self.duration}"
            )
        self._check_limits()
        if self.sampler:
            check_choice(self.sampler, SAMPLERS, "--sampler")
        if not (0 <= self.steps <= 1000 and 0 <= self.samples <= 100 and 0 <= self.seed < 1 << 32):
            raise UsageError(
                "expected --steps of at most 1000, --samples of at most 100 and --seed from 0 to 4294967295, "
                f"got {self.steps}, {self.samples} and {self.seed}"
            )
        if (self.base or self.encoder) and self.restorer != "diffusion":
            raise UsageError(f"--base and --encoder expect --restorer diffusion, got {self.restorer}")
        check_choice(self.stream_format, STREAM_FORMATS, "--format")
        self._check_raw()
        self._check_live()
        if self.unknown_threshold and self.quantizer == "auto":
            raise UsageError("--unknown-threshold expects --quantizer gray:0.5 or gray:otsu, got none")

    def _check_limits(self) -> None:
        if not 0 <= self.workers <= MOST_WORKERS or self.tile < 0:
            raise UsageError(
                f"expected --workers from 0 to {MOST_WORKERS} and --tile of 0 or more, "
                f"got {self.workers} and {self.tile}"
            )
        if not 0 <= self.neighbors <= MOST_NEIGHBORS:
            raise UsageError(f"expected --neighbors from 0 to {MOST_NEIGHBORS}, got {self.neighbors}")
        if self.max_pixels < 1 or self.max_frames < 1:
            raise UsageError(
                f"expected --max-pixels and --max-frames of 1 or more, got {self.max_pixels} and {self.max_frames}"
            )

    def _check_raw(self) -> None:
        if self.raw_size:
            read_size(self.raw_size)
        if self.fps:
            read_rate(self.fps)
        if self.pix_fmt and not self.raw_size:
            raise UsageError(f"expected --size WIDTHxHEIGHT with --pix-fmt {self.pix_fmt}, for raw pictures, got none")

    def _check_live(self) -> None:
        if self.live and self.flicker == "blend":
            raise UsageError("--flicker blend looks three pictures ahead, which --live cannot; drop one of the two")
        if self.live and self.neighbors:
            raise UsageError("--neighbors waits for the pictures after each, which --live cannot; drop one of the two")
        if self.live and self.vfr:
            raise UsageError("--vfr waits for the next other picture, which --live cannot; drop one of the two")
        if self.live and self.resume:
            raise UsageError("--resume reads its input again, which --live cannot; drop one of the two")
