"""What the console is told of a catalogue is what a search may ask of it."""

from __future__ import annotations

from app.corpus.schema import FieldType
from app.query.listing import MAX_FACETS
from app.snapshot.store import ArtifactStore
from tests.builders import city_rows, make_snapshot
from tests.builders.servers import SNAPSHOT_ID, gateway


def test_a_catalogue_of_many_facets_is_searched_with_as_many_as_may_be_counted(tmp_path):
    names = [f"facet{i}" for i in range(MAX_FACETS + 4)]
    fields = {name: {"type": FieldType.KEYWORD, "facet": True} for name in names}
    store = ArtifactStore(tmp_path / "snapshots", "snapshot")
    rows = [{**row, names[0]: "red"} for row in city_rows(20)]
    make_snapshot(rows, store.root / SNAPSHOT_ID, fields, snapshot_id=SNAPSHOT_ID)
    store.publish(SNAPSHOT_ID)
    with gateway(tmp_path) as client:
        facts = client.get("/console/about").json()
        assert set(names) <= set(facts["keywords"])
        assert len(facts["facets"]) == MAX_FACETS
        answer = client.post("/v1/search", json={"query": "", "facets": facts["facets"]})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()["facets"]) == set(facts["facets"])
