"""The Vaswani (NPL) collection: physics abstracts, questions and judgements, for lexical MAP."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from app.domain.errors import InvalidInput
from app.offline.datasets.dataset import Dataset, Part, Split, write_judged
from app.offline.datasets.source import source_file, text_of
from app.offline.lines import write_objects
from app.offline.trec import Topic, read_qrels

_DOCUMENT = re.compile(r"<DOC>\s*<DOCNO>(.*?)</DOCNO>(.*?)</DOC>", re.DOTALL)
_TOPIC = re.compile(r"<top>\s*<num>(.*?)</num>\s*<title>(.*?)</title>", re.DOTALL)


def convert(root: Path, out: Path) -> Dataset:
    """Write catalogue, queries and qrels; there is nothing to learn from, all of it is test."""
    source = root / "vaswani"
    documents = _pairs(_DOCUMENT, source_file(source, "doc-text.trec"))
    queries = _pairs(_TOPIC, source_file(source, "query-text.trec"))
    catalog = out / "catalog.jsonl.gz"
    write_objects(catalog, (_document(doc_id, text) for doc_id, text in documents))
    qrels = read_qrels(source_file(source, "qrels"))
    judged = write_judged(out, (Topic(qid, text) for qid, text in queries), qrels)
    return Dataset(
        name="vaswani",
        licence="research use (Glasgow IR test collections)",
        attribution="Vaswani/NPL collection, http://ir.dcs.gla.ac.uk/resources/test_collections/",
        catalog=catalog,
        rule="no training part: every query is test",
        splits=(Split("all", Part(), judged),),
        whole=judged,
        overrides=("channels.lexical.k=1000", "merge.max_candidates=1000"),  # MAP reads 1,000 ranks
        notes=("an abstract is prose, hence text; the title is the document's number",),
    )


def _document(doc_id: str, text: str) -> dict[str, Any]:
    return {"id": doc_id, "title": doc_id, "text": text}


def _pairs(pattern: re.Pattern[str], path: Path) -> list[tuple[str, str]]:
    """Return (id, text) with runs of white space squeezed."""
    found = [(m[1].strip(), " ".join(m[2].split())) for m in pattern.finditer(text_of(path))]
    if not found:
        raise InvalidInput(f"{path} holds no TREC records; is this the upstream file?")
    return found
