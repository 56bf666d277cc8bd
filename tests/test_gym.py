"""Gymnasium wrappers: spaces, what the agent sees, one restored video an episode, rates."""

from __future__ import annotations

import subprocess
import sys
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import make
import numpy as np
import pytest

import vdequant
from vdequant.errors import OutputError, UsageError
from vdequant.frames import Frame
from vdequant.media.source import open_source
from vdequant.recording import Recorder
from vdequant.settings import Settings

gymnasium = pytest.importorskip("gymnasium")
SIZE = (64, 72)
FFV1 = Settings(quantizer="m=4", restorer="deband", device="cpu", lossless=True)


class Game(gymnasium.Env):
    """Shows a moving ramp at four levels a channel, in color or gray, for four steps an episode."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012

    def __init__(self, *, gray: bool = False, render_mode: str | None = None) -> None:
        self.render_mode, self._gray = render_mode, gray
        self.observation_space = gymnasium.spaces.Box(0, 255, SIZE if gray else (*SIZE, 3), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(2)
        self.moment = 0

    def _picture(self) -> np.ndarray:
        picture = vdequant.quantize(make.rgb8(*SIZE, self.moment), "m=4")
        return picture[..., 0] if self._gray else picture

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.moment = 0
        return self._picture(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.moment += 1
        return self._picture(), 0.0, self.moment == 4, False, {}

    def render(self) -> np.ndarray:
        return 255 - self._picture()


def play(env: Any, episodes: int = 1) -> None:
    for _ in range(episodes):
        env.reset(seed=0)
        done = False
        while not done:
            _, _, terminated, truncated, _ = env.step(0)
            done = terminated or truncated


def pictures(path: Path) -> list[np.ndarray]:
    with open_source(str(path), Settings()) as source:
        return [np.stack([p.numpy() for p in f.planes], -1) / 1023 for f in source if isinstance(f, Frame)]


def wrapped(**options: Any) -> Any:
    from vdequant.gym import RestoreObservation

    env = options.pop("env", None) or Game()
    return RestoreObservation(env, **{"quantizer": "m=4", "restorer": "deband", "device": "cpu", **options})


@pytest.mark.parametrize("gray", [False, True], ids=["color", "gray"])
@pytest.mark.parametrize(("dtype", "top"), [("float32", 1), ("uint8", 255)])
def test_observations_are_restored_and_lie_in_their_space(gray: bool, dtype: str, top: int) -> None:
    env = wrapped(env=Game(gray=gray), dtype=dtype)
    stored, _ = Game(gray=gray).reset()
    for observation in (env.reset(seed=0)[0], env.step(0)[0]):
        assert observation in env.observation_space
        assert observation.dtype == dtype
    assert env.observation_space.high.max() == top
    first = env.reset(seed=0)[0] / top
    truth = make.rgb8(*SIZE)[..., 0] if gray else make.rgb8(*SIZE)
    assert np.abs(first - truth / 255).mean() < np.abs(stored / 255 - truth / 255).mean()


def test_gymnasiums_own_check_finds_nothing_but_the_wrapper_itself() -> None:
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        check_env(wrapped(), skip_render_check=True)  # raises where a rule is broken, warns where one is bent
    assert ["different from the unwrapped version" in str(one.message) for one in said] == [True]


def test_a_wrapped_environment_can_be_made_again_from_its_spec() -> None:
    gymnasium.register("vdequant/Game-v0", Game)
    again = gymnasium.make(wrapped(env=gymnasium.make("vdequant/Game-v0"), dtype="uint8").spec)
    assert again.reset(seed=0)[0].dtype == np.uint8


def test_the_same_screen_always_looks_the_same() -> None:
    env = wrapped(quantizer="auto")
    first = env.reset(seed=0)[0]
    env.step(0)
    np.testing.assert_array_equal(env.reset(seed=0)[0], first)


def test_examples_decide_instead_of_the_first_observation() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    env = wrapped(quantizer="auto", restorer="auto", examples=[noise])
    assert env.restorer.work.finding.kind == "fine"


@pytest.mark.parametrize(
    "space",
    [gymnasium.spaces.Discrete(4), gymnasium.spaces.Box(0, 255, (4, 84, 84), np.uint8),
     gymnasium.spaces.Box(-1, 1, (8, 8, 3), np.float32)],
    ids=str,
)  # fmt: skip
def test_observations_that_are_no_pictures_are_refused_in_one_line(space: Any) -> None:
    env = Game()
    env.observation_space = space
    with pytest.raises(UsageError, match="expected observations as Box") as caught:
        wrapped(env=env)
    assert "\n" not in str(caught.value)


def test_every_episode_becomes_a_restored_video(tmp_path: Path) -> None:
    from vdequant.gym import RecordRestored

    env = RecordRestored(Game(), tmp_path / "videos", FFV1, name="{:02d}.mkv")
    play(env, 2)
    env.close()
    assert [Path(done.path).name for done in env.finished] == ["00.mkv", "01.mkv"]
    assert make.stamps(tmp_path / "videos/01.mkv") == [Fraction(40 * i, 1000) for i in range(5)]
    for shift, picture in enumerate(pictures(tmp_path / "videos/01.mkv")):
        stored = vdequant.quantize(make.rgb8(*SIZE, shift), "m=4")
        expected = vdequant.dequantize(stored, "m=4", restorer="deband", device="cpu")
        assert np.abs(picture - expected).max() < 1e-3
        assert np.abs(picture - stored / 255).max() > 0.05


def test_the_agent_sees_what_it_saw_before(tmp_path: Path) -> None:
    from vdequant.gym import RecordRestored

    env, bare = RecordRestored(Game(), tmp_path, FFV1, name="{}.mkv"), Game()
    np.testing.assert_array_equal(env.reset()[0], bare.reset()[0])
    np.testing.assert_array_equal(env.step(0)[0], bare.step(0)[0])


def test_rendered_pictures_are_recorded_where_there_are_some(tmp_path: Path) -> None:
    from vdequant.gym import RecordRestored

    play(RecordRestored(Game(render_mode="rgb_array"), tmp_path, FFV1, name="{}.mkv"))
    stored = 1 - vdequant.quantize(make.rgb8(*SIZE), "m=4") / 255
    assert np.abs(pictures(tmp_path / "0.mkv")[0] - stored).max() < 0.13  # half a step of four levels


def test_some_episodes_and_a_broken_off_one(tmp_path: Path) -> None:
    from vdequant.gym import RecordRestored

    env = RecordRestored(Game(), tmp_path, FFV1, name="{}.mkv", every=2, fps=50)
    play(env, 2)
    env.reset()
    env.step(0)
    env.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.mkv", "2.mkv"]
    assert make.stamps(tmp_path / "2.mkv") == [0, Fraction(1, 50)]


def test_ten_bits_are_written_by_default(tmp_path: Path) -> None:
    from vdequant.gym import RecordRestored

    play(RecordRestored(Game(), tmp_path, Settings(restorer="deband", device="cpu", preset="12")))
    with open_source(str(tmp_path / "episode_0000.mp4"), Settings()) as source:
        assert (source.info.layout.bits, source.info.rate) == (10, 25)


def test_an_existing_recording_is_not_overwritten_unasked(tmp_path: Path) -> None:
    from vdequant.gym import RecordRestored

    (tmp_path / "0.mkv").write_text("precious")
    with pytest.raises(OutputError, match="exists"):
        play(RecordRestored(Game(), tmp_path, FFV1, name="{}.mkv"))
    assert (tmp_path / "0.mkv").read_text() == "precious"


def test_recordings_of_nothing_leave_nothing(tmp_path: Path) -> None:
    with Recorder(str(tmp_path / "a.mkv"), Fraction(60)) as recorder:
        assert recorder.finish() is None
    with Recorder(str(tmp_path / "b.mkv"), Fraction(60), FFV1) as recorder:
        recorder.add(make.rgb8(*SIZE))
    assert list(tmp_path.iterdir()) == []


def test_a_change_of_size_is_named(tmp_path: Path) -> None:
    with Recorder(str(tmp_path / "a.mkv"), Fraction(60), FFV1) as recorder:
        recorder.add(make.rgb8(*SIZE))
        with pytest.raises(UsageError, match="72x64 like the first, got 24x16"):
            recorder.add(make.rgb8())


def atari(**options: Any) -> Any:
    gymnasium.register_envs(pytest.importorskip("ale_py"))
    return gymnasium.make("ALE/Pong-v5", **options)


def test_atari_is_restored_and_recorded_at_its_rate(tmp_path: Path) -> None:
    from vdequant.gym import RecordRestored, RestoreObservation

    stated = Settings(quantizer="palette", restorer="deband", device="cpu", codec="ffv1")
    env = RecordRestored(atari(frameskip=1), tmp_path, stated, name="{}.mkv")
    env = RestoreObservation(env, "palette", restorer="deband", device="cpu")
    stored, _ = atari(frameskip=1).reset(seed=1)
    observation, _ = env.reset(seed=1)
    assert observation in env.observation_space
    assert 0 < np.abs(observation - stored / 255).mean() < 0.1
    for _ in range(3):
        env.step(0)
    env.close()
    assert [float(at) for at in make.stamps(tmp_path / "0.mkv")] == pytest.approx(
        [i / 59.92 for i in range(4)], abs=6e-4
    )


@pytest.mark.parametrize(("skip", "rate"), [(1, 59.92), (4, 14.98), ((2, 5), 59.92 / 3)], ids=str)
def test_the_rate_of_atari_counts_skipped_frames(skip: Any, rate: float) -> None:
    from vdequant.gym import frame_rate

    assert float(frame_rate(atari(frameskip=skip))) == pytest.approx(rate)


def test_the_rate_of_other_environments_is_what_they_say() -> None:
    from vdequant.gym import frame_rate

    env = Game()
    assert frame_rate(env) == 25
    env.metadata = {}
    assert frame_rate(env) == 60


def test_without_gymnasium_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['gymnasium'] = None; import vdequant.gym"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        "ImportError: vdequant.gym needs Gymnasium: pip install '.[gym]' in a checkout"
    )
