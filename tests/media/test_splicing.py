"""Films that were encoded apart, one after the other: decoding times rise and nothing is decoded too late."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import av
import make
import pytest

from vdequant.media.splicing import Splicer


def encoded(stamps: Sequence[int]) -> list[av.Packet]:
    """Packets of a small film with B pictures, shown at ``stamps``."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width = encoder.height = 32
    encoder.pix_fmt, encoder.time_base, encoder.options = "yuv420p", Fraction(1, 1000), {"bf": "3"}
    packets = []
    for i, stamp in enumerate(stamps):
        frame = make.video_frame("yuv420p", 32, 32, i // 4)
        frame.pts, frame.time_base = stamp, Fraction(1, 1000)
        packets += encoder.encode(frame)
    return [*packets, *encoder.encode(None)]


def spliced(*films: Sequence[int]) -> list[tuple[int, int]]:
    """(pts, dts) of the films in a row, in decoding order."""
    splicer, ready = Splicer(), []
    for film in films:
        ready += splicer.begin()
        for packet in encoded(film):
            ready += splicer.fit(packet)
    ready += splicer.begin()
    return [(packet.pts, packet.dts) for packet in ready]


UNEVEN = [0, 3, 40, 41, 42, 500, 502, 503, 504, 505, 900, 901]
FILMS = {
    "even": ([20 * i for i in range(12)], [20 * i for i in range(12, 24)]),
    "uneven": (UNEVEN, [902 + stamp for stamp in UNEVEN]),
    "dense, then sparse": (list(range(12)), [100 * i for i in range(1, 12)]),
    "one picture each": ([0], [20], [40], [41], [42]),
    "short ones": ([0, 20], [40, 900], [920, 940, 960, 980, 1000, 1020]),
}


@pytest.mark.parametrize("films", FILMS.values(), ids=FILMS)
def test_decoding_times_rise_and_no_picture_is_decoded_after_it_is_shown(films: Sequence[Sequence[int]]) -> None:
    times = spliced(*films)
    decoded = [dts for _, dts in times]
    assert sorted(pts for pts, _ in times) == sorted(stamp for film in films for stamp in film)
    assert all(a < b for a, b in pairwise(decoded))
    assert all(dts <= pts for pts, dts in times)


def test_films_of_an_encoder_collide_without_splicing() -> None:
    """Otherwise the tests above would prove nothing."""
    decoded = [packet.dts for film in FILMS["dense, then sparse"] for packet in encoded(film)]
    assert any(a >= b for a, b in pairwise(decoded))


def test_one_film_alone_is_not_changed() -> None:
    assert spliced(UNEVEN) == [(packet.pts, packet.dts) for packet in encoded(UNEVEN)]
