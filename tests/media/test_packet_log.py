"""Encoded pictures in a file of ours: nothing of them is lost, and damage is noticed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import make
import pytest

from vdequant.media.packet_log import PacketLog, digest_of, read_packets

BASE = Fraction(1, 90000)


def packet(content: bytes, pts: int | None = 5, dts: int | None = -3, *, key: bool = False) -> av.Packet:
    made = av.Packet(content)
    made.pts, made.dts, made.time_base, made.duration, made.is_keyframe = pts, dts, BASE, 7, key
    return made


def written(path: Path, *packets: av.Packet) -> str:
    log = PacketLog(path, BASE)
    for each in packets:
        log.add(each)
    return log.close()


def facts(each: av.Packet) -> tuple[object, ...]:
    return bytes(each), each.pts, each.dts, each.duration, each.is_keyframe, each.time_base


def test_packets_come_back_with_their_content_times_and_key_flags(tmp_path: Path) -> None:
    packets = [packet(b"first", 0, -2, key=True), packet(b"", None, None), packet(b"\0" * 70_000, 1 << 40)]
    written(tmp_path / "a", *packets)
    assert [facts(p) for p in read_packets(tmp_path / "a")] == [facts(p) for p in packets]


def test_what_an_encoder_gave_decodes_to_the_same_pictures_after_the_log(tmp_path: Path) -> None:
    make.clip(tmp_path / "in.mkv", codec="libx264", pix_fmt="yuv420p", size=(32, 32), count=8)
    with av.open(str(tmp_path / "in.mkv")) as source:
        film = source.streams.video[0]
        packets = [p for p in source.demux(film) if p.size]
        log = PacketLog(tmp_path / "a", Fraction(film.time_base))
        for each in packets:
            log.add(each)
        log.close()
        decoder = av.CodecContext.create("h264", "r")
        decoder.extradata = film.codec_context.extradata
        back = [f.to_ndarray() for p in read_packets(tmp_path / "a") for f in decoder.decode(p)]
        back += [f.to_ndarray() for f in decoder.decode(None)]
        source.seek(0)
        expected = [f.to_ndarray() for f in source.decode(film)]
    assert len(back) == 8
    assert all((a == b).all() for a, b in zip(back, expected, strict=True))


def test_a_log_has_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    log = PacketLog(tmp_path / "a", BASE)
    log.add(packet(b"x"))
    assert not (tmp_path / "a").exists()
    log.abort()
    assert list(tmp_path.iterdir()) == []
    written(tmp_path / "a", packet(b"x"))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_damage_changes_the_digest(tmp_path: Path, damage: str) -> None:
    digest = written(tmp_path / "a", packet(b"content"))
    assert digest_of(tmp_path / "a") == digest
    data = bytearray((tmp_path / "a").read_bytes())
    data[-1] ^= damage == "flipped"
    (tmp_path / "a").write_bytes(data[:-1] if damage == "cut" else data)
    assert digest_of(tmp_path / "a") != digest
