"""Data sets as they are published: a few rows by hand, in the folders that adapters look in."""

import gzip
import json


def put(path, text):
    """Write a file as it is published, packed where its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def put_rows(path, rows):
    put(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def rows_of(path):
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    return [json.loads(line) for line in text.splitlines()]


def put_judged(folder, texts, ids=("862", "8844")):
    put_rows(folder / "catalog.jsonl.gz", [{"id": i, "title": f"film {i}"} for i in ids])
    put_rows(
        folder / "queries.jsonl.gz", [{"qid": f"q{n}", "text": t} for n, t in enumerate(texts)]
    )
    put(folder / "qrels.txt.gz", "".join(f"q{n} 0 {ids[0]} 1\n" for n in range(len(texts))))


def put_ratings(root, ratings, links=(("1", "862"), ("2", "8844"), ("3", "999"), ("4", ""))):
    folder = root / "ml_latest_small"
    lines = [f"{movie},0,{tmdb}" for movie, tmdb in links]
    put(folder / "links.csv.gz", "\n".join(["movieId,imdbId,tmdbId", *lines, ""]))
    lines = [",".join(map(str, rating)) for rating in ratings]
    put(folder / "ratings.csv.gz", "\r\n".join(["userId,movieId,rating,timestamp", *lines, ""]))
