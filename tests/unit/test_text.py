"""The shortcut past the conversion to simplified characters: the same text, or none is taken."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import opencc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.corpus import text as text_module
from app.corpus.text import normalise

CONVERTER = Path(opencc.__file__).parent / "clib"
SETTLED = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5)


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    """Whatever the converter's dictionaries list, as characters and phrases."""
    folder = tmp_path_factory.mktemp("opencc")
    config = json.loads((CONVERTER / "share" / "opencc" / "t2s.json").read_text("utf-8"))
    found = []
    for step in config["conversion_chain"]:
        for entry in step["dict"]["dicts"]:
            out = folder / f"{entry['file']}.txt"
            source = CONVERTER / "share" / "opencc" / entry["file"]
            command = [CONVERTER / "bin" / "opencc_dict", "-i", source, "-f", "ocd2"]
            subprocess.run([*command, "-t", "text", "-o", out], check=True)
            found += [line.split("\t")[0] for line in out.read_text("utf-8").splitlines()]
    return found


def in_full(text):
    """The normal form of lower case, with every text converted."""
    simpler = text_module._SIMPLER.convert(text)
    return text_module._SIMPLER.convert(simpler)


def test_every_entry_of_the_dictionaries_is_converted(entries):
    assert len(entries) > 4_000
    settled = [e for e in entries if text_module._SETTLED.fullmatch(e)]
    assert len(settled) > 3_000
    for entry in settled:
        assert normalise(entry) == in_full(entry)
        around = f"火锅{entry}店"
        assert normalise(around) == in_full(around)


@given(st.text(SETTLED | st.sampled_from("火锅店的a 1沈覆借藉口"), max_size=12))
def test_a_text_reads_the_same_by_the_shortcut(text):
    assert normalise(text) == " ".join(in_full(text).split())
