"""Programs for old machines, byte by byte, so that record_captures.py has something to record that is free."""

from __future__ import annotations

from pathlib import Path

# 8086: mode 13h; each pixel is (offset + time) ^ high byte of the offset; waits for the retrace; ends at a key.
PLASMA = bytes.fromhex(
    "B81300CD10B800A08EC0 31FF 89F800D830E0AA 81FF00FA72F3 43 BADA03ECA80875FB ECA80874FB B401CD1674DD B80300CD10CD20"
)
# SM83: screen off, tiles of a pattern, all tiles on the map, screen on; scrolls one pixel a frame.
SCROLL = bytes.fromhex(
    "F3 F044FE9038FA AFE040 210080 7DAC227CFE9820F8 7D227CFE9C20F9 3EE4E047 3E91E040"
    "F044FE9020FA F0433CE043 F044FE9028FA 18ED"
)


def cartridge(path: Path) -> Path:
    """A Game Boy cartridge with :data:`SCROLL`, but without Nintendo's logo, which real machines ask for."""
    rom = bytearray(0x8000)
    rom[0x100:0x104] = bytes.fromhex("00C35001")
    rom[0x134:0x13A] = b"SCROLL"
    rom[0x150 : 0x150 + len(SCROLL)] = SCROLL
    rom[0x14D] = (-sum(rom[0x134:0x14D]) - 25) & 255
    path.write_bytes(rom)
    return path
