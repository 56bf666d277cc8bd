"""Running out of memory: how it is recognized, and how it is told when nothing smaller can be tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from vdequant.errors import ShortageError

# torch's CPU allocator raises a plain RuntimeError.
_WORDS = ("can't allocate memory", "not enough memory", "out of memory", "std::bad_alloc")


def is_shortage(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, on a CPU or a GPU."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)


@contextmanager
def shortage_in_words() -> Iterator[None]:
    """Raises :class:`ShortageError`, one line with a remedy, when memory runs out inside."""
    try:
        yield
    except Exception as error:
        if is_shortage(error) and not isinstance(error, ShortageError):
            raise ShortageError(
                "memory ran out; close other programs, or pass --workers 1, and --tile 256 or less for large pictures"
            ) from error
        raise
