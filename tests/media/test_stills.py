"""Stills: what is read is what was stored, what is written is what was given."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import av
import cv2
import make
import numpy as np
import pytest
import torch
from PIL import Image

from vdequant.errors import InputError, OutputError
from vdequant.frames import Frame, Layout
from vdequant.media.frame_list import natural
from vdequant.media.image import ImageSource
from vdequant.media.plan import plan_output
from vdequant.media.sink import open_sink
from vdequant.media.source import is_still, open_source
from vdequant.media.stills import decode, encode, fit_alpha
from vdequant.media.thread_policy import kept_policy
from vdequant.settings import Settings


def _only(path: Path) -> Frame:
    with open_source(str(path), Settings()) as source:
        (frame,) = list(source)
    assert isinstance(frame, Frame)
    return frame


@pytest.mark.parametrize(
    ("suffix", "bits"), [(".png", 8), (".png", 16), (".tif", 8), (".tiff", 16), (".bmp", 8), (".ppm", 8)]
)
def test_lossless_stills_are_read_sample_for_sample(suffix: str, bits: int, tmp_path: Path) -> None:
    pixels = make.picture(tmp_path / f"a{suffix}", bits)
    frame = _only(tmp_path / f"a{suffix}")
    assert frame.layout.bits == bits
    assert np.array_equal(torch.stack(frame.planes, -1).numpy(), pixels)


@pytest.mark.parametrize(("suffix", "bits"), [(".png", 8), (".png", 16), (".tif", 16), (".webp", 8)])
def test_alpha_survives_reading_and_writing(suffix: str, bits: int, tmp_path: Path) -> None:
    source = tmp_path / f"in{suffix}"
    if suffix == ".webp":
        pixels = make.picture(tmp_path / "helper.png", 8, alpha=True)
        Image.fromarray(pixels).save(source, lossless=True, exact=True)
    else:
        pixels = make.picture(source, bits, alpha=True)
    target = tmp_path / f"out{suffix}"
    with open_source(str(source), Settings()) as opened:
        plan = plan_output(str(target), opened.info, Settings(bits=bits))
        with open_sink(plan, opened, overwrite=False) as sink:
            for frame in opened:
                assert isinstance(frame, Frame)
                sink.write(frame)
            sink.finish()
    back = _only(target)
    assert back.alpha is not None
    assert np.array_equal(torch.stack([*back.planes, back.alpha], -1).numpy(), pixels)


def test_palette_and_gray_pngs_are_expanded_exactly(tmp_path: Path) -> None:
    Image.fromarray(make.rgb8()).quantize(16).save(tmp_path / "p.png")
    expected = np.asarray(Image.open(tmp_path / "p.png").convert("RGB"))
    assert np.array_equal(torch.stack(_only(tmp_path / "p.png").planes, -1).numpy(), expected)
    gray = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    cv2.imwrite(str(tmp_path / "g.png"), gray)
    frame = _only(tmp_path / "g.png")
    assert (frame.layout.model, frame.layout.bits) == ("gray", 16)
    assert np.array_equal(frame.planes[0].numpy(), gray)


def test_sixteen_bit_bmp_words_are_expanded(tmp_path: Path) -> None:
    Image.fromarray(make.rgb8()).save(tmp_path / "a.bmp")
    assert np.array_equal(torch.stack(_only(tmp_path / "a.bmp").planes, -1).numpy(), make.rgb8())


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_upright(orientation: int, kind: str) -> None:
    from PIL import ImageOps

    picture = Image.fromarray(make.rgb8())
    exif = picture.getexif()
    exif[0x0112] = orientation
    data = io.BytesIO()
    picture.save(data, kind, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data.getvalue()))))
    planes, _, layout = decode(data.getvalue(), f"a.{kind.lower()}")
    assert (layout.height, layout.width) == expected.shape[:2]
    assert np.array_equal(torch.stack(planes, -1).numpy(), expected)


def tiff(*pages: Image.Image, **options: object) -> bytes:
    data = io.BytesIO()
    pages[0].save(data, "TIFF", save_all=True, append_images=list(pages[1:]), **options)
    return data.getvalue()


def test_colors_under_a_tiffs_opacity_are_those_that_are_stored() -> None:
    stored = np.dstack([make.rgb8(), np.linspace(0, 255, 16 * 24).reshape(16, 24).astype(np.uint8)])
    planes, alpha, _ = decode(tiff(Image.fromarray(stored)), "a.tif")
    assert alpha is not None
    assert np.array_equal(torch.stack([*planes, alpha], -1).numpy(), stored)


def test_a_tiff_of_several_pictures_is_refused_and_one_with_a_preview_is_not() -> None:
    page = Image.fromarray(make.rgb8())
    with pytest.raises(InputError, match="2 pictures"):
        decode(tiff(page, page), "a.tif")
    preview = Image.fromarray(make.rgb8(8, 12))
    preview.encoderinfo = {"tiffinfo": {254: 1}}
    planes, _, _ = decode(tiff(page, preview), "a.tif")
    assert np.array_equal(torch.stack(planes, -1).numpy(), make.rgb8())


def test_a_tiff_that_ends_too_early_is_said_to_be_damaged() -> None:
    data = tiff(Image.fromarray(make.rgb8()).convert("P"))
    with pytest.raises(InputError, match="damaged"):
        decode(data[: len(data) - 40], "a.tif")


def test_jpeg_is_written_with_full_chroma_and_high_quality(tmp_path: Path) -> None:
    layout = Layout(24, 16)
    planes = make.frames(layout, 1)[0].planes
    (tmp_path / "a.jpg").write_bytes(encode(planes, None, ".jpg"))
    back = _only(tmp_path / "a.jpg")
    error = (torch.stack(back.planes).int() - torch.stack(planes).int()).abs().float()
    assert error.mean() < 2.5
    with Image.open(tmp_path / "a.jpg") as picture:
        assert all(layer[1:3] == (1, 1) for layer in picture.layer)


def test_alpha_is_enlarged_and_deepened_with_the_picture() -> None:
    alpha = torch.tensor([[0, 255]], dtype=torch.uint8)
    fitted = fit_alpha(alpha, Layout(4, 2, bits=16))
    assert fitted.dtype == torch.uint16
    assert fitted.int().tolist() == [[0, 0, 65535, 65535]] * 2
    assert fit_alpha(fitted, Layout(4, 2)).int().tolist() == [[0, 0, 255, 255]] * 2


def test_a_gif_of_one_picture_is_a_still_and_one_of_two_a_film(tmp_path: Path) -> None:
    make.animation(tmp_path / "one.gif", [20])
    make.animation(tmp_path / "two.gif", [20, 20])
    with Image.open(tmp_path / "one.gif") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    frame = _only(tmp_path / "one.gif")
    assert all(np.array_equal(plane.numpy(), pixels[..., i]) for i, plane in enumerate(frame.planes))
    kinds = []
    for name in ("one.gif", "two.gif"):
        with open_source(str(tmp_path / name), Settings()) as source:
            kinds.append(source.info.kind)
    assert kinds == ["image", "video"]


def test_transparency_of_a_gif_is_kept(tmp_path: Path) -> None:
    picture = Image.new("P", (4, 2), 1)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((0, 0), 0)
    picture.save(tmp_path / "a.gif", transparency=0)
    frame = _only(tmp_path / "a.gif")
    assert frame.alpha is not None
    assert frame.alpha.tolist() == [[0, 255, 255, 255], [255] * 4]


def test_transparency_dropped_by_the_format_is_a_warning(tmp_path: Path) -> None:
    make.picture(tmp_path / "a.png", alpha=True)
    with open_source(str(tmp_path / "a.png"), Settings()) as source:
        plan = plan_output(str(tmp_path / "b.jpg"), source.info, Settings())
        with open_sink(plan, source, overwrite=False) as sink:
            sink.write(source.sample(1)[0])
            sink.finish()
    assert any("transparency" in w for w in sink.warnings)


def test_float_pictures_are_refused_by_name(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.tif"), np.zeros((4, 4, 3), np.float32))
    with pytest.raises(InputError, match="float32"):
        ImageSource(str(tmp_path / "a.tif"))


def test_names_sort_naturally() -> None:
    names = ["f10.png", "f9.png", "F1.png", "f2b.png", "f2.png"]
    assert sorted(names, key=natural) == ["F1.png", "f2.png", "f2b.png", "f9.png", "f10.png"]


def test_folder_names_the_picture_of_another_size(tmp_path: Path) -> None:
    make.picture(tmp_path / "a1.png")
    make.picture(tmp_path / "a2.png", size=(8, 8))
    with pytest.raises(InputError, match=r"a2.png is 8x8.*24x16"), open_source(str(tmp_path), Settings()) as source:
        list(source)


def test_folder_refuses_two_pictures_of_one_name(tmp_path: Path) -> None:
    make.picture(tmp_path / "a.png")
    make.picture(tmp_path / "a.bmp")
    with pytest.raises(InputError, match="would become one"):
        open_source(str(tmp_path), Settings())


def test_folder_output_keeps_names_and_adds_to_an_existing_folder_only_when_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i in (9, 10):
        make.picture(tmp_path / "in" / f"shot{i}.bmp")
    target = tmp_path / "out"
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    with open_source(str(tmp_path / "in"), Settings()) as source:
        plan = plan_output(str(target), source.info, Settings(bits=8))
        with pytest.raises(OutputError, match="not empty"):
            open_sink(plan, source, overwrite=False)
        with open_sink(plan, source, overwrite=True) as sink:
            for frame in source:
                sink.write(frame)
            sink.finish()
    assert sorted(p.name for p in target.iterdir()) == ["notes.txt", "shot10.png", "shot9.png"]
    assert not (tmp_path / "out.part").exists()


def test_what_an_earlier_run_numbered_is_not_left_in_a_folder_that_is_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "out"
    for count in (6, 3):
        make.clip(tmp_path / "in.mkv", count=count)
        with open_source(str(tmp_path / "in.mkv"), Settings()) as source:
            plan = plan_output(str(target), source.info, Settings(bits=8))
            with open_sink(plan, source, overwrite=True) as sink:
                for item in source:
                    sink.write(item)
                sink.finish()
        (target / "input.txt").write_text("ffconcat version 1.0")
        (target / "frames.txt").write_text("mine")
    assert sorted(p.name for p in target.glob("*.png")) == [f"frame_{i:06d}.png" for i in (1, 2, 3)]
    assert (target / "frames.txt").exists()


def test_animated_png_named_png_is_a_video(tmp_path: Path) -> None:
    make.animation(tmp_path / "a.png", [20, 20, 40])
    with open_source(str(tmp_path / "a.png"), Settings()) as source:
        assert source.info.kind == "video"
        assert len(list(source)) == 3


def _avif(path: Path, pictures: int = 1) -> None:
    """What FFmpeg's muxer writes: a still, or an animation for more than one picture."""
    with (
        kept_policy(),
        av.open(str(path), "w", format="avif") as container,
    ):  # SVT-AV1 would make this a real-time program
        stream = container.add_stream("libsvtav1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p10le"
        for moment in range(pictures):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 40 + 9 * moment, np.uint8), "rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p10le")))
        container.mux(stream.encode())


def test_an_avif_of_one_picture_is_a_still_with_the_depth_that_it_has(tmp_path: Path) -> None:
    _avif(tmp_path / "a.avif")
    with open_source(str(tmp_path / "a.avif"), Settings()) as source:
        assert source.info.kind == "image"
        assert source.info.layout.bits == 10
        assert plan_output("out.png", source.info, Settings()).notes == ()
        assert len(list(source)) == 1
    assert is_still(str(tmp_path / "a.avif"))


def test_an_animated_avif_is_a_film(tmp_path: Path) -> None:
    _avif(tmp_path / "a.avif", 3)
    with open_source(str(tmp_path / "a.avif"), Settings()) as source:
        assert source.info.kind == "video"
    assert not is_still(str(tmp_path / "a.avif"))


def test_the_opacity_of_an_avif_is_said_to_be_lost(tmp_path: Path) -> None:
    _avif(tmp_path / "a.avif")
    with open_source(str(tmp_path / "a.avif"), Settings()) as source:
        info = replace(source.info, others=1)
    assert any("opacity" in note for note in plan_output("out.png", info, Settings()).notes)


def test_an_icon_is_read_at_its_largest_size(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.ico", sizes=[(16, 16), (32, 32)])
    assert np.array_equal(torch.stack(_only(tmp_path / "a.ico").planes, -1).numpy(), pixels)


@pytest.mark.parametrize("bits", [8, 16])
def test_jpeg_2000_is_read_sample_for_sample(bits: int, tmp_path: Path) -> None:
    size, kind = ((128, 160, 3), np.uint8) if bits == 8 else ((128, 160), np.uint16)
    pixels = np.random.default_rng(1).integers(0, 1 << bits, size, kind)
    Image.fromarray(pixels).save(tmp_path / "a.jp2")
    assert np.array_equal(torch.stack(_only(tmp_path / "a.jp2").planes, -1).numpy(), pixels.reshape(128, 160, -1))
