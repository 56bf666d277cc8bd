"""Standard input and output as binary streams: ``vdequant - -o -``."""

from __future__ import annotations

import sys
from typing import BinaryIO

from vdequant.errors import InputError, OutputError


def standard_input() -> BinaryIO:
    """The bytes that arrive on standard input.

    Raises:
        InputError: nothing is piped in.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("nothing arrives on standard input; pipe a video into it: cat game.mkv | vdequant - -o OUT")
    return sys.stdin.buffer


def standard_output() -> BinaryIO:
    """Where the bytes of the output go.

    Raises:
        OutputError: standard output is a terminal.
    """
    if sys.stdout is None or sys.stdout.isatty():
        raise OutputError("standard output is a terminal; pipe it into a program or file, for example: | ffplay -")
    return sys.stdout.buffer
