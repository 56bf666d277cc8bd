"""Records real captures with emulators and restores them end to end: python scripts/record_captures.py OUT [NAME...]

    pyboy       Game Boy, its own GIF recorder         pip install pyboy
    ale         Atari 2600, ALE's own PNG dump         pip install ale-py
    dosbox      VGA mode 13h, its own ZMBV recorder    apt install dosbox xvfb xdotool
    retroarch   Game Boy, FFV1 by samples/recorders    apt install retroarch libretro-gambatte xvfb
    mednafen    Game Boy, its QuickTime recorder       apt install mednafen xvfb xdotool

The programs that run in the machines are those of tiny_programs.py; ALE brings its own games. Every recorder runs in a
process of its own, so that one that is missing or fails leaves the others alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tiny_programs import PLASMA, cartridge

import vdequant

RECIPES = Path(__file__).resolve().parent.parent / "samples" / "recorders"
DISPLAY = ":97"
CORE = "/usr/lib/x86_64-linux-gnu/libretro/gambatte_libretro.so"


def pyboy(folder: Path) -> Path:
    """Two seconds of GIF, as the recorder's key makes it."""
    from pyboy import PyBoy
    from pyboy.utils import WindowEvent

    os.chdir(folder)  # it writes into ./recordings
    machine = PyBoy(str(cartridge(folder / "scroll.gb")), window="null", sound_emulated=False)
    machine.set_emulation_speed(0)
    for count in (300, 120, 1):  # the boot, the recording, its end
        for _ in range(count):
            machine.tick()
        machine.send_input(WindowEvent.SCREEN_RECORDING_TOGGLE)
    machine.stop(save=False)
    return next((folder / "recordings").glob("*.gif"))


def ale(folder: Path) -> Path:
    """Pictures of two seconds of Pong, pixels doubled across, one file a frame."""
    import ale_py

    machine = ale_py.ALEInterface()
    machine.setString("record_screen_dir", str(folder / "frames"))
    (folder / "frames").mkdir()
    machine.setInt("random_seed", 0)
    machine.loadROM(ale_py.roms.get_rom_path("pong"))
    actions = machine.getMinimalActionSet()
    for moment in range(120):
        machine.act(actions[moment // 10 % len(actions)])
    return folder / "frames"


def screen(stack: ExitStack, *command: str) -> subprocess.Popen[bytes]:
    """Start a program on a screen of its own; both end with ``stack``. -noreset: or there is no second client."""
    os.environ |= {"DISPLAY": DISPLAY, "SDL_AUDIODRIVER": "dummy"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for words in (("Xvfb", DISPLAY, "-screen", "0", "800x600x24", "-noreset", "-nolisten", "tcp"), command):
        process = subprocess.Popen(words, **quiet)  # type: ignore[call-overload]
        stack.callback(process.wait, 20)
        stack.callback(process.terminate)
        time.sleep(2)
    return process  # type: ignore[no-any-return]


def press(key: str, seconds: float) -> None:
    """Press a key; the pointer has to be inside of the window."""
    subprocess.run(["xdotool", "mousemove", "100", "100", "key", key], check=True)
    time.sleep(seconds)


def dosbox(folder: Path) -> Path:
    """Three seconds of ZMBV at 70.0866 pictures a second, started and stopped with F11."""
    (folder / "plasma.com").write_bytes(PLASMA)
    for name in ("dosbox.conf", "dosbox.map"):
        shutil.copy(RECIPES / name, folder)
    os.chdir(folder)  # the configuration's paths are relative
    with ExitStack() as stack:
        screen(stack, "dosbox", "-conf", "dosbox.conf", "-c", "mount c .", "-c", "c:", "-c", "plasma.com")
        time.sleep(3)
        press("F11", 3)
        press("F11", 1)
    return next((folder / "capture").glob("*.avi"))


def retroarch(folder: Path) -> Path:
    """200 frames of FFV1."""
    game, out = cartridge(folder / "scroll.gb"), folder / "retroarch.mkv"
    shutil.copy(RECIPES / "retroarch.cfg", folder)
    command = ["retroarch", "--config", str(folder / "retroarch.cfg"), "-L", CORE, str(game), "--max-frames", "200"]
    with ExitStack() as stack:
        screen(stack, *command, "--record", str(out), "--recordconfig", str(RECIPES / "retroarch-ffv1.cfg")).wait(60)
    return out


def mednafen(folder: Path) -> Path:
    """A few seconds of CSCD in QuickTime."""
    os.environ["MEDNAFEN_HOME"] = str(folder)
    game, out = cartridge(folder / "scroll.gb"), folder / "mednafen.mov"
    command = ["/usr/games/mednafen", "-force_module", "gb", "-sound", "0", "-video.driver", "softfb"]
    with ExitStack() as stack:
        screen(stack, *command, "-qtrecord.vcodec", "cscd", "-qtrecord", str(out), str(game))
        time.sleep(3)
        press("Escape", 2)
    return out


RECORDERS: dict[str, Callable[[Path], Path]] = {f.__name__: f for f in (pyboy, ale, dosbox, retroarch, mednafen)}


def record(folder: Path, name: str) -> None:
    """Record with one emulator, and restore what it wrote."""
    shutil.rmtree(folder / name, ignore_errors=True)
    (folder / name).mkdir(parents=True)
    capture, target = RECORDERS[name](folder / name), folder / f"{name}.mp4"
    print("\n".join(vdequant.probe(capture).lines()))
    done = vdequant.restore(capture, target, vdequant.Settings(restorer="cellnet-s", overwrite=True))
    size, share = f"{done.width}x{done.height}", f"{done.certificate or 0:.2%}"
    print(
        f"{name}: {capture.name} -> {target.name}, {done.frames} frames of {size}, {share} in their cells", flush=True
    )


def main(folder: Path, names: list[str]) -> int:
    """Run each recorder in a process of its own; 1 if one of them failed."""
    if unknown := set(names) - set(RECORDERS):
        raise SystemExit(f"expected names of {', '.join(RECORDERS)}, got {', '.join(unknown)}")
    if len(names) == 1:
        record(folder, names[0])
        return 0
    here = [sys.executable, __file__, str(folder)]
    return max(subprocess.run([*here, name], check=False).returncode for name in names or RECORDERS)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    raise SystemExit(main(Path(sys.argv[1]).absolute(), sys.argv[2:]))
