"""Find the command, run it, and turn everything that can go wrong into one line and an exit code.

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 3 done as far as a damaged input goes, 130 stopped with
Ctrl-C, 143 with SIGTERM.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from typing import NoReturn

from vdequant.cli import COMMANDS
from vdequant.cli.console import STOPPED, Console
from vdequant.cli.stopping import StopsLikeControlC
from vdequant.errors import UsageError, VdequantError

MISTYPED = 0.75  # how alike a word and a command are, from which on one may have been meant
# Read by OpenMP and SVT-AV1 when they are loaded, so they are set before torch and PyAV come in. Spinning OpenMP
# threads starve our decoder and encoder threads: 2 frames a second instead of 18 on two cores.
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "SVT_LOG": "1"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``vdequant`` with ``argv`` (None: the process's own arguments) and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if argv is None:
        # The process ends with us: nothing that PyTorch made is looked through once more (0.6 of 4.3 s for a picture).
        atexit.register(gc.freeze)
    with StopsLikeControlC() as stops:
        code = _run(words)
    if code == STOPPED and stops.number:
        code = 128 + stops.number
        if argv is None:
            _leave(code)
    return code


def _run(words: list[str]) -> int:
    console = Console(as_json="--json" in words)
    try:
        args = _parse(words)
        console = Console(as_json=args.json, verbose=args.verbose, quiet=args.quiet)
        return int(args.run(args, console))
    except SystemExit as done:  # --help and --version
        return int(done.code or 0)
    except KeyboardInterrupt:
        console.error("stopped")
        return STOPPED
    except BrokenPipeError:
        _silence_streams()
        return 1
    except VdequantError as error:
        console.failed(error)
        return error.exit_code
    except Exception as error:
        console.failed(error)
        return 1


def _leave(code: int) -> NoReturn:
    """End the process with this code and no other.

    Everything is cleaned up by then. Where an interrupt came while Python ran a text as code, as it does to make a
    dataclass, ``python -m vdequant`` remembers that, and would end by SIGINT although the interrupt was caught.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def command_parser(name: str) -> ArgumentParser:
    """The argument parser of the command ``name`` of COMMANDS."""
    module, function = COMMANDS[name].split(":")
    build: Callable[[], ArgumentParser] = getattr(import_module(module), function)
    return build()


def _names_behind_dashes(words: list[str]) -> list[str]:
    """The words without ``--``, names behind it so that they cannot be taken for options; argparse forgets it."""
    if "--" not in words:
        return words
    place = words.index("--")
    return words[:place] + [
        f"./{word}" if word.startswith("-") and word != "-" else word for word in words[place + 1 :]
    ]


def _check_first(word: str) -> None:
    """Raise :class:`UsageError` for what is no file but nearly a command."""
    near = get_close_matches(word, COMMANDS, 1, MISTYPED)
    if near and not word.startswith("-") and not os.path.lexists(word):
        raise UsageError(f"expected a command or an INPUT that exists, got {word!r}; did you mean: vdequant {near[0]}")


def _parse(words: list[str]) -> Namespace:
    """Split off the command, which may be left out, and parse the rest."""
    default = next(iter(COMMANDS))
    words = _asking_for_help(_names_behind_dashes(words))
    if words and words[0] not in COMMANDS:
        _check_first(words[0])
    name, rest = (words[0], words[1:]) if words and words[0] in COMMANDS else (default, words)
    return command_parser(name).parse_intermixed_args(rest)


def _asking_for_help(words: list[str]) -> list[str]:
    """``help`` and ``help COMMAND``, as many programs have them, as ``--help``; a file of that name stays an input."""
    return [*words[1:2], "--help"] if words[:1] == ["help"] and not os.path.lexists("help") else words


def _silence_streams() -> None:
    """Point the standard streams at nothing: whoever read them has gone, and Python flushes them once more at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (OSError, ValueError, AttributeError):
            continue
    os.close(nowhere)
