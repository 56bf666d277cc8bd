"""The empty text of a base: from a file, from its own text encoder, or one line that says what is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from tiny_bases import WIDTH, WORDS, save_base

from vdequant.errors import ModelError
from vdequant.models.pretrained_bases import PretrainedBase
from vdequant.models.pretrained_files import read_base
from vdequant.models.pretrained_text import FILE, empty_text, write_text


@pytest.fixture
def base(tmp_path: Path) -> PretrainedBase:
    """One that says it has a text encoder, in a folder that may be changed."""
    folder = save_base(tmp_path / "base", "latents")
    index = json.loads((folder / "model_index.json").read_text())
    index |= {"text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "text_encoder").mkdir()
    return read_base(str(folder))


def test_a_file_is_taken_first(base: PretrainedBase, tmp_path: Path) -> None:
    text = torch.randn(1, WORDS, WIDTH)
    write_text(text, tmp_path / FILE)
    assert torch.equal(empty_text(base, tmp_path), text)


def test_a_file_of_another_base_is_refused(base: PretrainedBase, tmp_path: Path) -> None:
    write_text(torch.randn(1, WORDS, WIDTH + 1), tmp_path / FILE)
    with pytest.raises(ModelError, match=rf"expected text of 1 x words x {WIDTH} .*, got \(1, {WORDS}, {WIDTH + 1}\)"):
        empty_text(base, tmp_path)


def test_a_damaged_file_is_refused(base: PretrainedBase, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="cannot read it"):
        empty_text(base, tmp_path)


def test_what_to_install_is_said(base: PretrainedBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(
        ModelError, match=r"expected transformers .* pip install '\.\[bases\]' in a checkout, or put empty_text"
    ):
        empty_text(base, tmp_path)


def test_a_base_whose_text_encoder_was_not_downloaded_says_so(base: PretrainedBase, tmp_path: Path) -> None:
    (tmp_path / "base" / "text_encoder").rmdir()
    with pytest.raises(ModelError, match=r"expected the text encoder of .* hf download .*, or put empty_text"):
        empty_text(base, tmp_path)


def test_the_bases_own_text_encoder_is_asked(base: PretrainedBase, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    letters = ["<|startoftext|>", "<|endoftext|>", "a", "a</w>"]
    tokens = tmp_path / "base" / "tokenizer"
    tokens.mkdir()
    (tokens / "vocab.json").write_text(json.dumps({letter: number for number, letter in enumerate(letters)}))
    (tokens / "merges.txt").write_text("#version: 0.2\n")
    transformers.CLIPTokenizer(str(tokens / "vocab.json"), str(tokens / "merges.txt")).save_pretrained(str(tokens))
    config = transformers.CLIPTextConfig(
        vocab_size=4, hidden_size=WIDTH, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
        bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    net = transformers.CLIPTextModel(config).eval()
    net.save_pretrained(str(tmp_path / "base" / "text_encoder"))
    found = empty_text(base, tmp_path)
    assert found.shape == (1, 77, WIDTH)
    with torch.no_grad():
        wanted = net(torch.tensor([[0] + [1] * 76]))[0]
    torch.testing.assert_close(found, wanted)


def test_a_text_encoder_that_cannot_be_loaded_is_one_line(base: PretrainedBase, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(ModelError, match="cannot load it") as caught:
        empty_text(base, tmp_path)
    assert "\n" not in str(caught.value)


def test_the_empty_string_of_t5_is_its_end_alone(base: PretrainedBase, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    index = json.loads((tmp_path / "base" / "model_index.json").read_text())
    index["text_encoder"] = ["transformers", "T5EncoderModel"]
    (tmp_path / "base" / "model_index.json").write_text(json.dumps(index))
    config = transformers.T5Config(vocab_size=9, d_model=WIDTH, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    net = transformers.T5EncoderModel(config).bfloat16().eval()
    net.save_pretrained(str(tmp_path / "base" / "text_encoder"))
    mask = torch.tensor([[1] + [0] * 76])
    with torch.no_grad():
        wanted = net(torch.tensor([[1] + [0] * 76]), attention_mask=mask)[0]
    torch.testing.assert_close(empty_text(base, tmp_path), wanted.float())
