"""train, evaluate, run: what is learned and how good it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from app.commands import options as o
from app.commands.clicks import train_clicks_and_show
from app.commands.ensembles import train_ensemble_and_show
from app.commands.own_models import refuse_together, write_rows_and_show
from app.domain.errors import GateRefused
from app.offline.elsewhere import MAY_HAVE_SEEN
from app.offline.gate import publish as publish_passed
from app.offline.labelled import JudgedBy
from app.offline.recipe_file import kind_of
from app.offline.report import metric_lines, verdict_lines
from app.offline.runs import Pipeline, evaluate_run, write_topics_run
from app.offline.train import Trained
from app.offline.workflow import train_model
from app.offline.workplace import Workplace
from app.rank.golden_leaves import golden_line

Queries = Annotated[Path, typer.Option(help="Queries, JSONL: qid, text, user_id?, lat?, lon?.")]
Channels = Annotated[
    str | None, typer.Option(help="Ask only these channels: lexical,geo. Default: all.")
]
Ranked = Annotated[
    bool, typer.Option("--rank/--no-rank", help="Rank by the model, or fused order.")
]
ReleaseId = Annotated[str | None, typer.Option(help="Rank by this release.")]


def register(app: typer.Typer) -> None:
    app.command("train")(train_command)
    app.command("evaluate")(evaluate_command)
    app.command("run")(run_command)


def train_command(
    recipe: Annotated[Path, typer.Argument(help="A recipe.")] = Path(
        "models/lambdarank/recipe.toml"
    ),
    sessions: Annotated[
        Path | None, typer.Option(help="Shown lists with clicks; imported as events first.")
    ] = None,
    queries: Annotated[Path | None, typer.Option(help="Queries, with --qrels.")] = None,
    qrels: Annotated[Path | None, typer.Option(help="TREC qrels, with --queries.")] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Serve the model if the gate passes; else exit 3.")
    ] = False,
    max_groups: Annotated[
        int | None, typer.Option(min=1, help="Learn from so many lists at most; default: recipe.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Measure every objective and every debiasing beside.")
    ] = False,
    tune: Annotated[
        int, typer.Option(min=0, help="Try so many sets of LightGBM's parameters first.")
    ] = 0,
    rows: Annotated[
        Path | None, typer.Option(help="Write the training rows to this folder; train nothing.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Measure and release this LightGBM text; train nothing.")
    ] = None,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Train a ranking model from clicks or judgements, measure it, and write a release.

    Labels come from --sessions, from --queries with --qrels, or else from the event log.
    """
    place, now_ms = o.workplace(data, models, config, overrides), int(time.time() * 1e3)
    labels = JudgedBy(sessions, queries, qrels)
    of_another_kind = {"ensemble": train_ensemble_and_show, "ctr": train_clicks_and_show}
    kind = kind_of(recipe)
    refuse_together(rows, model, kind, {"--tune": tune, "--compare": compare, "--publish": publish})
    if rows is not None:
        write_rows_and_show(
            place, recipe, labels, rows, now_ms=now_ms, max_groups=max_groups, as_json=as_json
        )
        return
    train_and_show = of_another_kind.get(kind or "")
    if train_and_show is not None:
        train_and_show(
            place, recipe, labels,
            now_ms=now_ms, publish=publish, max_groups=max_groups, as_json=as_json,
        )  # fmt: skip
        return
    trained = train_model(
        place, recipe, labels,
        now_ms=now_ms, max_groups=max_groups, progress=o.progress(),
        trials=tune, all_families=compare, model=model,
    )  # fmt: skip
    _show_trained(place, trained, publish, as_json)


def _show_trained(place: Workplace, trained: Trained, publish: bool, as_json: bool) -> None:
    """Publish if asked, and print how good it is. Raises GateRefused after the figures."""
    golden = place.stores.releases.manifest(trained.release_id)["golden"]
    refused = publish_if_good(place, trained) if publish else None
    published = publish and refused is None
    result = {
        "release_id": trained.release_id, "published": published, "groups": trained.groups,
        "rows": trained.rows, "rounds": trained.rounds, "features": trained.features,
        "features_varying": trained.varying, "queries": trained.comparison.queries,
        "metrics": trained.comparison.to_json(), "gate": trained.verdict.to_json(),
        "log": trained.log, "golden": golden,
        "debias": trained.debias.to_json() if trained.debias else None,
        "trained_elsewhere": trained.elsewhere or None,
        "tuned": trained.tuned and trained.tuned.to_json(),
        "families": trained.families and trained.families.to_json(),
        "corrections": trained.corrections and trained.corrections.to_json(),
    }  # fmt: skip
    best = [f"  {share:6.1%}  {name}" for name, share in list(trained.features.items())[:12]]
    lines = [
        *_log_lines(trained.log),
        *(trained.debias.lines() if trained.debias else []),
        *(trained.tuned.lines() if trained.tuned else ()),
        *metric_lines(trained.comparison),
        *(trained.families.lines() if trained.families else ()),
        *(["", *trained.corrections.lines()] if trained.corrections else ()),
        f"{len(trained.features)} features used of {trained.varying} that vary, by gain:",
        *best,
        *verdict_lines(trained.verdict),
        golden_line(golden),
        *([MAY_HAVE_SEEN] if trained.elsewhere else []),
        f"release {trained.release_id}: {trained.rounds} trees from "
        + (trained.elsewhere or f"{trained.rows:,} rows")
        + (", published" if published else "; serve it: duolu publish " + trained.release_id),
    ]
    o.show(result, as_json, lines)
    if refused is not None:  # after the figures: they say where it lost
        raise refused


def publish_if_good(place: Workplace, trained: Trained) -> GateRefused | None:
    """Publish, or return why not."""
    try:
        publish_passed(trained.release_id, trained.verdict, place.stores.releases)
    except GateRefused as refused:
        return refused
    return None


def _log_lines(log: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Name every count that is not 0: where lists and rows came from, and what was left out."""
    return [
        f"{part.replace('_', ' ')}: " + ", ".join(f"{n:,} {k.replace('_', ' ')}" for k, n in told)
        for part, counts in log.items()
        if (told := [(name, count) for name, count in counts.items() if count])
    ]


def evaluate_command(
    queries: Queries,
    qrels: Annotated[Path, typer.Option(help="TREC qrels.")],
    metrics: Annotated[
        list[str] | None, typer.Option(help="As ir-measures writes them: nDCG@10 R@100.")
    ] = None,
    more_metrics: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    channels: Channels = None,
    rank: Ranked = True,
    release: ReleaseId = None,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Measure the whole pipeline on judged queries, with 95 % intervals."""
    place = o.workplace(data, models, config, overrides)
    with Pipeline.open(place, channels, rank, release) as pipeline:
        report = evaluate_run(
            pipeline, queries, qrels, split_names(metrics, more_metrics), o.progress()
        )
    lines = [f"{name:>10}  {interval}" for name, interval in report.intervals.items()]
    lines.append(
        f"{report.queries} queries; left out without a relevant document: {report.left_out}; "
        f"release {report.release_id or 'none: fused order'}"
    )
    o.show(report.to_json(), as_json, lines)


def run_command(
    queries: Queries,
    out: Annotated[Path, typer.Option(help="The TREC run to write.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Documents a query.")] = 100,
    channels: Channels = None,
    rank: Ranked = True,
    release: ReleaseId = None,
    data: o.Data = o.DATA,
    models: o.Models = o.MODELS,
    config: o.Config = o.CONFIG,
    overrides: o.Override = None,
    as_json: o.Json = False,
) -> None:
    """Write a TREC run: every query through the whole pipeline."""
    place = o.workplace(data, models, config, overrides)
    with Pipeline.open(place, channels, rank, release) as pipeline:
        lines = write_topics_run(pipeline, queries, out, limit, o.progress())
    o.show({"out": str(out), "lines": lines}, as_json, [f"{lines:,} lines in {out}"])


def split_names(metrics: list[str] | None, more: list[str] | None) -> tuple[str, ...]:
    """Accept `--metrics A B`, `--metrics A --metrics B` and `--metrics "A B"` alike."""
    named = [*(metrics or []), *(more or [])] or ["nDCG@10 R@100 Judged@10"]
    return tuple(name for part in named for name in part.split())
