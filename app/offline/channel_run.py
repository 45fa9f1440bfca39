"""From a place and judgements to the report on its channels."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from app.corpus.event_columns import EventColumns
from app.corpus.string_keys import hash64
from app.domain.errors import InvalidInput
from app.offline.channel_advice import advise
from app.offline.channel_report import ChannelReport
from app.offline.channel_worth import measure_channels
from app.offline.judged import Judged
from app.offline.labelled import JudgedBy
from app.offline.progress import Progress
from app.offline.recipe import Recipe
from app.offline.runs import open_ranker
from app.offline.timeline import Timeline
from app.offline.workflow import read_lists
from app.offline.workplace import Workplace
from app.rank.names import ReleaseNames

REMEDY = "name judgements with --queries F --qrels F, or wait for clicks"


def report_channels(
    place: Workplace,
    labels: JudgedBy,
    recipe: Recipe,
    *,
    now_ms: int,
    rank: bool,
    release: str | None,
    sample: int,
    progress: Progress,
) -> ChannelReport:
    """Measure every channel on the queries that `labels` judges, at most `sample` of them.

    Raises InvalidInput where no query has words and a relevant document.
    """
    labels.check()
    snapshot = place.snapshot()
    names = ReleaseNames(place.models, place.settings.rank.model)
    named = names.resolve(release) if release else place.stores.releases.current_id()
    release_id = named if rank else None
    events = place.events()
    judged = _chosen(place, labels, recipe, events, now_ms, sample)
    timeline = Timeline(place.settings, snapshot, place.tables(snapshot), events)
    with (
        ThreadPoolExecutor(1, "rank") as threads,
        progress.stage("channels", len(judged), "queries") as advance,
    ):
        ranker = open_ranker(place, release_id, snapshot, threads) if release_id else None
        worth = measure_channels(judged, timeline, ranker, advance)
    settings = place.settings.channels
    advice = {name: advise(worth, name, settings[name]) for name in timeline.channels}
    return ChannelReport(worth, advice, release_id, _source(labels))


def _chosen(
    place: Workplace,
    labels: JudgedBy,
    recipe: Recipe,
    events: EventColumns | None,
    now_ms: int,
    sample: int,
) -> Sequence[Judged]:
    """Take those that tell something; of many, the same ones each time."""
    if labels.is_the_log and events is None:
        raise InvalidInput(f"nobody clicked on anything yet; {REMEDY}")
    useful = [j for j in read_lists(place, labels, recipe, events, now_ms).judged if j.is_useful]
    if not useful:
        raise InvalidInput(f"no query of {_source(labels)} has a relevant document; {REMEDY}")
    return sorted(useful, key=lambda j: hash64(j.qid))[:sample]


def _source(labels: JudgedBy) -> str:
    return "the logs" if labels.is_the_log else str(labels.qrels)
