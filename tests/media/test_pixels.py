"""Unpacking of pixel formats is exact and complete; packing is its inverse."""

from __future__ import annotations

import av
import make
import numpy as np
import pytest
import torch

from vdequant.errors import InputError
from vdequant.frames import Layout, Matrix
from vdequant.media.pixels import pack, rows, storage, unpack

FORMATS = [
    "yuv420p",
    "yuvj420p",
    "yuv422p",
    "yuv444p",
    "yuv440p",
    "yuv411p",
    "yuv410p",
    "yuva420p",
    "yuva444p10le",
    "yuv420p10le",
    "yuv420p10be",
    "yuv422p12le",
    "yuv444p16be",
    "gray",
    "gray10le",
    "gray16be",
    "ya8",
    "ya16le",
    "nv12",
    "nv21",
    "nv16",
    "nv24",
    "nv42",
    "p010le",
    "p012le",
    "p016le",
    "p210le",
    "p416le",
    "yuyv422",
    "uyvy422",
    "yvyu422",
    "y210le",
    "gbrp",
    "gbrp9le",
    "gbrp10le",
    "gbrp12be",
    "gbrp14le",
    "gbrp16le",
    "gbrap",
    "gbrap16le",
    "rgb24",
    "bgr24",
    "rgb0",
    "bgr0",
    "0rgb",
    "0bgr",
    "rgba",
    "bgra",
    "argb",
    "abgr",
    "rgb48le",
    "rgb48be",
    "bgr48le",
    "bgr48be",
    "rgba64le",
    "rgba64be",
    "bgra64le",
    "rgb555le",
    "bgr555be",
    "rgb565le",
    "bgr565le",
    "rgb444le",
    "x2rgb10le",
    "rgb8",
    "bgr8",
    "rgb4_byte",
    "monow",
    "monob",
    "pal8",
]


RGB_ORDERS = ["rgb24", "bgr24", "rgb0", "bgr0", "0rgb", "0bgr", "rgba", "bgra", "argb", "abgr", "gbrp", "gbrap"]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(13, 17), (16, 24)])
def test_planes_have_the_sizes_and_depths_of_the_layout(name: str, size: tuple[int, int]) -> None:
    frame = av.VideoFrame(size[1], size[0], name)
    for plane in frame.planes:
        np.frombuffer(plane, np.uint8)[:] = np.random.default_rng(0).integers(0, 255, plane.buffer_size)
    store = storage(name)
    planes, alpha = unpack(frame)
    matrix = Matrix.BT709 if store.model == "yuv" else Matrix.RGB
    layout = Layout(size[1], size[0], store.model, store.bits, store.chroma, matrix)
    assert [tuple(p.shape) for p in planes] == [layout.plane_shape(i) for i in range(layout.planes)]
    assert (alpha is not None) == store.alpha
    assert all(p.dtype == (torch.uint8 if store.bits == 8 else torch.uint16) for p in planes)
    assert all(p.is_contiguous() for p in planes)


@pytest.mark.parametrize("name", RGB_ORDERS)
def test_eight_bit_rgb_orders_are_read_right(name: str) -> None:
    planes, _ = unpack(make.video_frame(name, 13, 17, 3))
    assert np.array_equal(torch.stack(planes, -1).numpy(), make.rgb8(13, 17, 3))


@pytest.mark.parametrize(("name", "order"), [("nv12", (0, 1)), ("nv21", (1, 0)), ("nv16", (0, 1)), ("nv24", (0, 1))])
def test_semi_planar_chroma_takes_turns(name: str, order: tuple[int, int]) -> None:
    frame = make.noise_frame(name, 12, 20, 1)
    planes, _ = unpack(frame)
    width = planes[1].shape[1]
    pairs = rows(frame, 1, "u1", 2 * width).reshape(-1, width, 2)
    assert np.array_equal(planes[0].numpy(), rows(frame, 0, "u1", 20))
    assert np.array_equal(planes[1].numpy(), pairs[:, :, order[0]])
    assert np.array_equal(planes[2].numpy(), pairs[:, :, order[1]])


@pytest.mark.parametrize("name", ["yuyv422", "uyvy422", "yvyu422"])
def test_packed_422_letters_name_the_samples(name: str) -> None:
    frame = make.noise_frame(name, 12, 20, 1)
    stored = rows(frame, 0, "u1", 40)
    for letter, plane in zip("yuv", unpack(frame)[0], strict=True):
        places = [i for i in range(40) if name[i % 4] == letter]
        assert np.array_equal(plane.numpy(), stored[:, places])


def test_p010_keeps_the_upper_ten_bits() -> None:
    frame = av.VideoFrame(4, 2, "p010le")
    rows(frame, 0, "<u2", 4)[:] = np.array([0, 64, 940 << 6, 1023 << 6])
    rows(frame, 1, "<u2", 4)[:] = np.array([100 << 6, 200 << 6, 300 << 6, 400 << 6])
    planes, _ = unpack(frame)
    assert planes[0].tolist()[0] == [0, 1, 940, 1023]
    assert (planes[1].tolist(), planes[2].tolist()) == ([[100, 300]], [[200, 400]])


@pytest.mark.parametrize("endian", ["le", "be"])
def test_555_and_565_are_expanded_by_bit_replication(endian: str) -> None:
    words = np.arange(0, 1 << 15, 97)
    frame = av.VideoFrame(len(words), 1, f"rgb555{endian}")
    rows(frame, 0, "<u2" if endian == "le" else ">u2", len(words))[:] = words
    red, green, blue = (p.numpy()[0].astype(int) for p in unpack(frame)[0])
    for plane, shift in ((red, 10), (green, 5), (blue, 0)):
        five = words >> shift & 31
        assert np.array_equal(plane, five * 8 + five // 4)
    frame = av.VideoFrame(64, 1, "rgb565le")
    rows(frame, 0, "<u2", 64)[:] = np.arange(64) << 5
    assert np.array_equal(unpack(frame)[0][1].numpy()[0], [g * 4 + g // 16 for g in range(64)])


def test_float_planes_are_rounded_once_to_sixteen_bits() -> None:
    frame = av.VideoFrame(3, 1, "gbrpf32le")
    for i in range(3):
        rows(frame, i, "<f4", 3)[:] = np.array([0.0, 0.5, 2.0], np.float32)
    assert unpack(frame)[0][0].tolist() == [[0, 32768, 65535]]


def test_unknown_formats_are_named_with_a_remedy() -> None:
    with pytest.raises(InputError, match="bayer_rggb8 cannot be read exactly"):
        storage("bayer_rggb8")


def test_planes_do_not_share_memory_with_the_decoded_picture() -> None:
    frame = make.video_frame("gbrp", 8, 8, 0)
    planes, _ = unpack(frame)
    before = planes[0].clone()
    np.frombuffer(frame.planes[2], np.uint8)[:] = 77
    assert torch.equal(planes[0], before)


PACKED = ["yuv420p", "yuv420p10le", "yuv444p12le", "gbrp10le", "gbrp16le", "bgr0", "rgb24", "rgb48be"]


@pytest.mark.parametrize("name", PACKED)
def test_pack_and_unpack_are_inverse(name: str) -> None:
    store = storage(name)
    matrix = Matrix.BT709 if store.model == "yuv" else Matrix.RGB
    layout = Layout(17, 13, store.model, store.bits, store.chroma, matrix, False)
    generator = torch.Generator().manual_seed(1)
    planes = tuple(
        torch.randint(0, 1 << store.bits, layout.plane_shape(i), generator=generator).to(
            torch.uint8 if store.bits == 8 else torch.uint16
        )
        for i in range(3)
    )
    found, _ = unpack(pack(planes, name))
    assert all(torch.equal(a, b) for a, b in zip(planes, found, strict=True))
