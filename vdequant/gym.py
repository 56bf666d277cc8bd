"""Wrappers for Gymnasium: restored observations for agents, and restored recordings of episodes.

    env = vdequant.gym.RestoreObservation(stable_retro.make("Airstriker-Genesis-v0"), "3-3-3")
    env = vdequant.gym.RecordRestored(gymnasium.make("ALE/Enduro-v5", frameskip=1), "episodes")

Needs ``pip install '.[gym]'`` in a checkout; nothing else of vdequant imports Gymnasium.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray

try:
    import gymnasium
    from gymnasium.spaces import Box
    from gymnasium.utils import RecordConstructorArgs
except ImportError as error:
    raise ImportError("vdequant.gym needs Gymnasium: pip install '.[gym]' in a checkout") from error

from vdequant.checks import check_choice
from vdequant.errors import UsageError
from vdequant.media.sink import Finished
from vdequant.recording import Recorder, restorer_for
from vdequant.settings import Settings
from vdequant.streaming import FrameRestorer

Observation = NDArray[Any]
Env = gymnasium.Env[Any, Any]

ALE_RATE = Fraction(5992, 100)  # frames a second of the Atari 2600 as ALE emulates it, before frames are skipped
ALE_SKIP = 4  # frames an action of the ALE/... environments, unless they are told otherwise
FALLBACK_RATE = Fraction(60)
HIGHEST = {"float32": 1, "uint8": 255}


def _is_picture(space: object) -> bool:
    if not isinstance(space, Box) or len(space.shape) not in (2, 3) or space.shape[2:] not in ((), (3,)):
        return False
    floats = space.dtype is not None and np.issubdtype(space.dtype, np.floating)
    if floats:
        return bool((space.low >= 0).all() and (space.high <= 1).all())
    return space.dtype in (np.uint8, np.uint16)


class RestoreObservation(gymnasium.ObservationWrapper[Observation, Any, Observation], RecordConstructorArgs):
    """Observations of an environment that shows pictures, restored.

    The recipe is decided once, so that the same screen always looks the same to the agent: from ``examples``, or else
    from the first observation.

    Args:
        env: with a ``Box`` of shape ``(H, W, 3)`` or ``(H, W)`` of uint8, uint16 or floats in [0, 1]. Put stacking,
            cropping and scaling wrappers outside of this one.
        quantizer, restorer, fidelity, device: see :func:`vdequant.dequantize`. "auto" leaves drawn art alone, which
            is what most games are; a stated quantizer does not.
        dtype: "float32" for a ``Box`` from 0 to 1, or "uint8" for one from 0 to 255.
        examples: observations to decide from.

    Raises:
        UsageError: for an observation space of another kind, or an option that does not exist.
    """

    def __init__(
        self,
        env: Env,
        quantizer: str = "auto",
        *,
        restorer: str = "auto",
        fidelity: float = 1.0,
        device: str = "auto",
        dtype: str = "float32",
        examples: Sequence[Observation] = (),
    ) -> None:
        RecordConstructorArgs.__init__(
            self,
            quantizer=quantizer,
            restorer=restorer,
            fidelity=fidelity,
            device=device,
            dtype=dtype,
            examples=examples,
        )
        gymnasium.ObservationWrapper.__init__(self, env)
        space = env.observation_space
        if not _is_picture(space):
            raise UsageError(
                f"expected observations as Box (H, W, 3) or (H, W) of uint8, uint16 or floats in [0, 1], got {space}; "
                "wrap the environment before its pictures are stacked or put into a dictionary"
            )
        top = HIGHEST[check_choice(dtype, tuple(HIGHEST), "dtype")]
        self.observation_space = Box(0, top, space.shape, np.dtype(dtype).type)
        self.restorer = FrameRestorer(quantizer, restorer=restorer, fidelity=fidelity, device=device, dtype=dtype)
        if len(examples):
            self.restorer.look(list(examples))

    def observation(self, observation: Observation) -> Observation:
        """The restored picture."""
        return self.restorer(observation)


def frame_rate(env: Env) -> Fraction:
    """Pictures a second that ``env`` gives: what its emulator says, else its ``render_fps``, else 60."""
    machine = env.unwrapped
    if hasattr(machine, "ale"):
        told = (env.spec.kwargs if env.spec is not None else {}).get("frameskip", ALE_SKIP)
        skip = Fraction(sum(told) - 1, 2) if isinstance(told, tuple) else Fraction(told)  # (2, 5) means 2, 3 or 4
        return ALE_RATE / skip
    if hasattr(machine, "em"):  # stable-retro
        return Fraction(machine.em.get_screen_rate()).limit_denominator(1_000_000)
    told = env.metadata.get("render_fps") or env.metadata.get("video.frames_per_second") or FALLBACK_RATE
    return Fraction(told).limit_denominator(1_000_000)


class RecordRestored(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Writes a restored video of every episode; what the agent sees is not changed.

    With ``render_mode="rgb_array"`` the rendered pictures are recorded, otherwise the observations. The recipe is
    decided in the first 12 pictures of the first recorded episode and kept.

    Args:
        env: the environment.
        folder: where the videos go; it is made if missing.
        settings: of the restoration and the output, as for :class:`vdequant.recording.Recorder`.
        name: of a file, with the number of its episode; its ending decides the format.
        every: of so many episodes one is recorded, the first always.
        fps: pictures a second; None asks :func:`frame_rate`.

    Attributes:
        finished: what was written, in order.

    Raises:
        VdequantError: with one line that says what was expected, what came and what to do.
    """

    def __init__(
        self,
        env: Env,
        folder: str | os.PathLike[str],
        settings: Settings | None = None,
        *,
        name: str = "episode_{:04d}.mp4",
        every: int = 1,
        fps: float | Fraction | None = None,
    ) -> None:
        RecordConstructorArgs.__init__(
            self, folder=os.fspath(folder), settings=settings, name=name, every=every, fps=fps
        )
        gymnasium.Wrapper.__init__(self, env)
        if every < 1:
            raise UsageError(f"expected every as 1 or more episodes, got {every}")
        if env.render_mode != "rgb_array" and not _is_picture(env.observation_space):
            raise UsageError(
                f"expected pictures to record, got observations as {env.observation_space}; make the environment with "
                "render_mode='rgb_array'"
            )
        self._folder, self._settings, self._name, self._every = Path(folder), settings or Settings(), name, every
        self._rate = frame_rate(env) if fps is None else Fraction(fps).limit_denominator(1_000_000)
        self._restorer = restorer_for(self._settings)
        self._recorder: Recorder | None = None
        self._episodes = 0
        self.finished: list[Finished] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Complete the running recording, and start the next one."""
        self._finish()
        observation, info = self.env.reset(seed=seed, options=options)
        if self._episodes % self._every == 0:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = str(self._folder / self._name.format(self._episodes))
            self._recorder = Recorder(path, self._rate, self._settings, self._restorer)
            self._record(observation)
        self._episodes += 1
        return observation, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Record the picture after the action; the end of an episode completes its file."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._record(observation)
        if terminated or truncated:
            self._finish()
        return observation, reward, terminated, truncated, info

    def close(self) -> None:
        """Complete the running recording, however far its episode came, and close the environment."""
        self._finish()
        super().close()

    def _record(self, observation: Any) -> None:
        if self._recorder is None:
            return
        picture = self.env.render() if self.env.render_mode == "rgb_array" else observation
        try:
            self._recorder.add(np.asarray(picture))
        except BaseException:
            self._recorder.abort()
            self._recorder = None
            raise

    def _finish(self) -> None:
        recorder, self._recorder = self._recorder, None
        written = None if recorder is None else recorder.finish()
        if written is not None:
            self.finished.append(written)
