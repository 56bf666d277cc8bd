"""``python -m vdequant``: the same as the command ``vdequant``."""

from __future__ import annotations

from vdequant.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
