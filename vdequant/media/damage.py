"""What is wrong with an input, counted while it is read, and told in one line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Damage:
    """What was found so far; complete when the input was read to its end.

    Attributes:
        repeated: pictures that could not be read; the one before is shown in their place, so that sound stays in step.
        partly: pictures that their decoder mended as well as it could.
        rest: what is missing at the end, in words; "" where everything that was promised is there.
    """

    repeated: int = 0
    partly: int = 0
    rest: str = ""

    @property
    def pictures(self) -> int:
        """How many pictures are not what was recorded."""
        return self.repeated + self.partly

    def line(self) -> str:
        """All of it in one line; "" for a whole input."""
        found = []
        if self.repeated:
            found.append(f"{_pictures(self.repeated)} could not be decoded (the one before is repeated)")
        if self.partly:
            found.append(f"{_pictures(self.partly)} could be decoded only in part")
        if self.rest:
            found.append(self.rest)
        return f"the input is damaged: {'; '.join(found)}" if found else ""


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
