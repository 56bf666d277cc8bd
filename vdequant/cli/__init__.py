"""The command line: one file a command, no logic of its own, every line of it also reachable from Python.

A command is a module with ``parser()``, which returns an argument parser whose default ``run`` is a function
``run(args, console) -> exit code``. To add one, write such a module and add its line below; ``vdequant --help``, the
documentation test and the README check pick it up from there. Nothing here imports torch or PyAV before ``run``.
"""

from __future__ import annotations

# name -> "module:function", imported on use; the first one is meant when no command is named
COMMANDS: dict[str, str] = {
    "restore": "vdequant.cli.restore:parser",
    "watch": "vdequant.cli.watch:parser",
    "probe": "vdequant.cli.probe:parser",
    "quantize": "vdequant.cli.quantize:parser",
    "palette": "vdequant.cli.palette:parser",
    "recolor": "vdequant.cli.recolor:parser",
    "train": "vdequant.cli.train:parser",
    "evaluate": "vdequant.cli.evaluate:parser",
    "devices": "vdequant.cli.devices:parser",
}
