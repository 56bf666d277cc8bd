"""Everything that can go wrong for a user, as one small tree.

VdequantError            exit code 1; its text is one line: what was expected, what came, what to do
├── UsageError           exit code 2: the command line or a setting is wrong
├── InputError           the input cannot be read, or is not what it claims to be
├── OutputError          the output cannot be written, or would overwrite something
├── ShortageError        the machine has too little memory for the work
└── ModelError           weights are missing, damaged or of another version
"""


class VdequantError(Exception):
    """Base of all errors meant for the user. ``str(error)`` is one line without a traceback."""

    exit_code = 1


class UsageError(VdequantError):
    """A setting or argument is outside what is allowed."""

    exit_code = 2


class InputError(VdequantError):
    """The input is missing, damaged, empty or of an unknown kind."""


class OutputError(VdequantError):
    """The output cannot be created, finished or may not be overwritten."""


class ShortageError(VdequantError, MemoryError):
    """Memory ran out, also after the work was cut into smaller pieces."""


class ModelError(VdequantError):
    """A network's weights are missing, damaged or do not fit its specification."""
