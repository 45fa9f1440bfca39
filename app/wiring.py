"""Opens what is published and wires its channels: settings and artifacts in, a search out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.corpus.people_store import PeopleStore, people_store
from app.domain.dotted import load
from app.domain.errors import InvalidInput
from app.domain.filters import Within
from app.domain.pause import Pause, go_on
from app.merge.merger import Merger
from app.pipeline.diversity import Diversity, Quota
from app.pipeline.exploration import Exploration
from app.pipeline.proportion import Proportion
from app.pipeline.rehearsal import follow, rehearse
from app.pipeline.rules import Action
from app.pipeline.search import Search
from app.pipeline.select import Selection
from app.pipeline.warm import warm
from app.pipeline.written_rules import WrittenRule, check, rules_of
from app.rank.experiments import Experiment, arms_of
from app.recall.crew import Berth
from app.recall.fanout import Fanout, Lane
from app.settings import Settings
from app.settings.select import RuleSettings
from app.snapshot.attempts import Attempts
from app.snapshot.following import Following
from app.snapshot.log_reader import LogReader
from app.snapshot.opening import open_snapshot, open_tables
from app.snapshot.snapshot import Snapshot
from app.snapshot.stores import Stores
from app.snapshot.tables import Tables
from app.snapshot.views import Views


@dataclass(frozen=True, slots=True)
class Opened:
    """A snapshot with its tables, which may be followed along the document log."""

    views: Views
    search: Search  # of the snapshot itself


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens versions beside those that serve; what cannot be opened stands in `attempts`."""

    settings: Settings
    stores: Stores
    attempts: Attempts
    threads: Mapping[str, Berth]  # of each channel
    reader: LogReader

    def open(
        self, snapshot_id: str | None, tables_id: str | None, before: Opened | None
    ) -> Opened | None:
        """Open these versions, or return what was opened before where they are the same.

        None where nothing can serve. A new snapshot is followed to the end of the log.
        """
        following = before.views.following if before else None
        own = self._snapshot(snapshot_id, following.own if following else None)
        if own is None:
            return None
        if before is None or following is None or following.own is not own:
            following, held = Following(own), Tables.empty(len(own))
        else:
            held = before.views.own_tables
        tables = self._tables(tables_id, own, held)
        if before and before.views.own_tables is tables:
            return before
        views = Views(following, tables)
        search = self._wire(*views.at(own.log_seq))
        rehearse(search, views)
        self.reader.read([following])  # may take long: what served goes on serving
        return Opened(views, search)

    def _snapshot(self, snapshot_id: str | None, held: Snapshot | None) -> Snapshot | None:
        if snapshot_id is None or (held and held.id == snapshot_id):
            return held
        path = self.stores.snapshots.root / snapshot_id
        return self.attempts.attempt(snapshot_id, held, lambda: self._fitting(open_snapshot(path)))

    def _fitting(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot that has every field that rules and quotas speak of."""
        make_selection(self.settings, snapshot)
        return snapshot

    def _tables(self, tables_id: str | None, own: Snapshot, held: Tables) -> Tables:
        if tables_id is None or held.id == tables_id:
            return held
        return self.attempts.attempt(
            f"{tables_id} on {own.id}", held,
            lambda: open_tables(self.stores.tables.path(tables_id), own.documents),
        )  # fmt: skip

    def _wire(self, snapshot: Snapshot, tables: Tables) -> Search:
        lanes = open_lanes(self.settings, snapshot, tables, self.threads)
        merger, most = make_merger(self.settings), self.settings.merge.max_candidates
        selection = make_selection(self.settings, snapshot)
        search = Search(Fanout(lanes), merger, most, selection)
        warm(search, snapshot, tables)
        return search


def view_at(
    opened: Opened, seq: int, before: Search, pause: Pause = go_on
) -> tuple[Snapshot, Tables, Search]:
    """Return the view of a point of the log, with channels made from those of a view before."""
    view, tables = opened.views.at(seq)
    pause()
    return view, tables, follow(before, view, tables, pause)


def open_lanes(
    settings: Settings,
    snapshot: Snapshot,
    tables: Tables,
    threads: Mapping[str, Berth],
    patience_ms: float | None = None,
) -> list[Lane]:
    """Open every enabled channel that the snapshot has a part of.

    `patience_ms` replaces the channels' time limits where nobody waits: training, evaluation.
    """
    return [
        Lane(
            name,
            load(c.kind).open(snapshot, tables, snapshot.part(name), c.own),
            c.k,
            patience_ms or c.timeout_ms,
            threads[name],
        )
        for name, c in settings.channels.items()
        if c.enabled and name in snapshot.manifest["channels"]
    ]


def make_people(settings: Settings) -> PeopleStore:
    """The store of what people did lately. Raises InvalidInput."""
    state = settings.state
    return people_store(state.address, state.prefix, state.newest, state.timeout_ms)


def make_merger(settings: Settings) -> Merger:
    weights = {name: c.weight for name, c in settings.channels.items()}
    merger: Merger = load(settings.merge.kind)(weights=weights, **settings.merge.options)
    return merger


def make_selection(settings: Settings, snapshot: Snapshot) -> Selection:
    """How lists are arranged. Raises InvalidInput for fields that the snapshot lacks."""
    keywords, select = snapshot.documents.keywords, settings.select
    diversity, intent, exploration = select.diversity, select.intent, select.exploration
    fields = {"select.quotas": [quota.field for quota in select.quotas]}
    fields["select.intent"] = [intent.field] if intent.strength else []
    for key, field in ((key, field) for key, asked in fields.items() for field in asked):
        if field not in keywords:
            known = ", ".join(keywords)
            raise InvalidInput(f"{key}: {field} is no keyword field; known: {known}")
    alike = tuple(name for name in diversity.fields if name in keywords)
    how = Diversity(diversity.strength, diversity.depth, alike)
    rest = exploration.position, exploration.max_impressions, exploration.within
    return Selection(
        rules_of(written_rules(settings), snapshot),
        how if diversity.strength else None,
        tuple(Quota(q.field, q.most, q.window) for q in select.quotas),
        Exploration(exploration.share, *rest) if exploration.share else None,
        Proportion(intent.field, intent.strength, intent.depth) if intent.strength else None,
    )


def written_rules(settings: Settings) -> list[WrittenRule]:
    """The rules that are switched on, in their order. Raises InvalidInput naming a wrong one."""
    rules = [_written(rule) for rule in settings.rules if rule.enabled]
    check(rules)
    return rules


def _written(rule: RuleSettings) -> WrittenRule:
    when = rule.when
    return WrittenRule(
        rule.name, Action(rule.action), rule.documents, rule.factor, rule.position,
        when.query, when.words, when.mentions,
        None if when.near is None else Within(when.near.lat, when.near.lon, when.near.km),
        float("-inf") if when.since is None else when.since.timestamp() * 1e3,
        float("inf") if when.until is None else when.until.timestamp() * 1e3,
    )  # fmt: skip


def standing_by(settings: Settings) -> tuple[str, ...]:
    """Name the releases that experiments and the shadow rank by, beside what serves."""
    shadow = settings.rank.shadow
    return (*arms_of(experiments_of(settings)), *(() if shadow is None else (shadow,)))


def experiments_of(settings: Settings) -> tuple[Experiment, ...]:
    """The experiments that are switched on, in the order of the file.

    Raises InvalidInput for shares that are none.
    """
    for name, one in settings.experiments.items():
        total = sum(one.releases.values())
        if not one.releases or min(one.releases.values()) <= 0 or not total <= 1 + 1e-9:
            raise InvalidInput(
                f"experiments.{name}.releases sum to {total:g}; each share is above 0, and all "
                "together are at most 1"
            )
    return tuple(
        Experiment(name, one.salt or name, tuple(one.releases.items()))
        for name, one in settings.experiments.items()
        if one.enabled
    )
