"""Words inside titles are found by their sound, behind names; what is right stays as it is."""

import shutil

import pytest

from app.corpus.text import normalise
from app.query.correct import correct
from app.snapshot.artifact import MANIFEST, read_manifest, seal
from app.snapshot.opening import open_snapshot
from tests.builders import make_snapshot

KINDS = ("温馨", "安静", "湖景", "大床", "海景")
ROWS = [
    {"id": str(i), "title": f"近迪士尼乐园的{KINDS[i % 5]}公寓, men hua ban {i}号可听音乐适合出游"}
    for i in range(20)
] + [
    {"id": "a", "title": "华威路边可以步行到外滩的两居室老洋房", "category": "民宿"},
    {"id": "b", "title": "华威路边可以步行到外滩的两居室新洋房", "category": "阳台"},
    {"id": "c", "title": "华为手机可以遥控的空调和灯光的小房间", "category": "民宿"},
    {"id": "d", "title": "华为手机可以遥控的空调和灯光的大房间", "category": "民宿"},
]  # fmt: skip


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    rows = [*ROWS, *({"id": f"f{i}", "title": f"note {i}"} for i in range(600))]
    return make_snapshot(rows, tmp_path_factory.mktemp("titles") / "s", channels=())


def put_right(snapshot, text):
    text = normalise(text)
    return correct(text, snapshot.reader.read(text), snapshot.analyzer.spans(text), snapshot)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("dishini", "迪士尼"),
        ("di shi ni", "迪士尼"),
        ("dishini gongyu", "迪士尼 公寓"),
        ("minsu dishini", "民宿 迪士尼"),
        ("yangtai", "阳台"),  # a value, as before
        ("liangjushi", "两居室"),  # three sounds: twice is enough
        ("yin yue", "音乐"),  # as it is read in this word, not yinle
    ],
)
def test_a_word_inside_titles_is_found_by_its_sound(snapshot, typed, meant):
    assert put_right(snapshot, typed) == meant


@pytest.mark.parametrize(
    "text",
    [
        "hua",
        "ban",
        "men",
        "hua men",
        "men ban",
        "long men",
        "huawei",
        "dishinix",
        "迪士尼",
    ],
)
def test_words_that_only_happen_to_sound_so_stay(snapshot, text):
    assert put_right(snapshot, text) is None


def test_a_snapshot_from_before_serves_without(snapshot, tmp_path):
    older = tmp_path / "older"
    shutil.copytree(snapshot.path, older)
    for file in (older / "spelling").glob("titles.*"):
        file.unlink()
    facts = {k: v for k, v in read_manifest(older, "snapshot").items() if k != "files"}
    (older / MANIFEST).unlink()
    seal(older, "snapshot", facts)
    opened = open_snapshot(older)
    assert put_right(opened, "dishini") is None
    assert put_right(opened, "yangtai") == "阳台"
