"""The worth of all channels as a table, as JSON and as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.errors import InvalidInput
from app.offline.channel_advice import Advice
from app.offline.channel_worth import ALL, NDCG, RECALL, Worth
from app.offline.confidence import Interval
from app.offline.plots import OURS, REMEDY, THEIRS, can_draw, empty_figure, write_svg

HEAD = (
    f"{'channel':<12} {'asked':>6} {'hits':>6} {'only it':>8} {'relevant':>9} {'only it':>8}"
    f" {'adds ' + RECALL:>26} {'adds ' + NDCG:>26} {'p50 ms':>7} {'p95 ms':>7}  advice"
)


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """Figures and advice, channel by channel in the order of the configuration."""

    worth: Worth
    advice: Mapping[str, Advice]
    release_id: str | None  # None: fused order
    source: str  # where the judgements come from

    def to_json(self) -> dict[str, Any]:
        comparison = self.worth.comparison
        return {
            "queries": comparison.queries,
            "left_out": self.worth.left_out,
            "source": self.source,
            "release_id": self.release_id,
            "relevant": self.worth.relevant,
            "found": self.worth.found,
            "metrics": {m: _ends(comparison.interval(ALL, m)) for m in comparison.metrics},
            "channels": [self._channel(name) for name in self.advice],
        }

    def lines(self) -> list[str]:
        """A table, then the reasons, most of which are sentences."""
        comparison = self.worth.comparison
        wholes = ", ".join(f"{m} {comparison.interval(ALL, m)}" for m in comparison.metrics)
        by = f"release {self.release_id}" if self.release_id else "fused order"
        return [
            f"{comparison.queries:,} queries of {self.source}, {by}: {wholes}",
            f"{self.worth.found:,} of {self.worth.relevant:,} relevant documents found; "
            f"left out: {self.worth.left_out:,} queries without words or a relevant document",
            "",
            HEAD,
            *(self._row(name) for name in self.advice),
            "",
            *(f"{name}: {'. '.join(a.reasons)}." for name, a in self.advice.items()),
        ]

    def _channel(self, name: str) -> dict[str, Any]:
        tally, advice = self.worth.tallies[name], self.advice[name]
        return {
            "name": name,
            "asked": tally.asked,
            "failed": tally.failed,
            "hits": tally.hits,
            "unique_hits": tally.alone,
            "relevant": len(tally.depths),
            "relevant_share": len(tally.depths) / max(self.worth.relevant, 1),
            "relevant_only": len(tally.depths_alone),
            "relevant_only_share": len(tally.depths_alone) / max(self.worth.found, 1),
            "adds": {m: _ends(self.worth.adds(name, m)) for m in (RECALL, NDCG)},
            "ms": {"p50": _or_none(tally.ms(0.5)), "p95": _or_none(tally.ms(0.95))},
            "advice": {
                "verdict": advice.verdict.value, "k": advice.k, "weight": advice.weight,
                "reasons": advice.reasons,
            },
        }  # fmt: skip

    def _row(self, name: str) -> str:
        tally, worth = self.worth.tallies[name], self.worth
        asked = max(tally.asked, 1)
        return (
            f"{name:<12} {tally.asked:>6,} {tally.hits / asked:>6.1f} {tally.alone / asked:>8.1f}"
            f" {len(tally.depths) / max(worth.relevant, 1):>9.1%}"
            f" {len(tally.depths_alone) / max(worth.found, 1):>8.2%}"
            f" {worth.adds(name, RECALL)!s:>26} {worth.adds(name, NDCG)!s:>26}"
            f" {_ms(tally.ms(0.5)):>7} {_ms(tally.ms(0.95)):>7}  {self.advice[name].verdict}"
        )


def draw(report: ChannelReport, file: Path) -> None:
    """Write an SVG picture. Raises InvalidInput where there is nothing to draw with."""
    if not can_draw():
        raise InvalidInput(REMEDY)
    write_svg(lambda: _picture(report), file)


def _picture(report: ChannelReport) -> Any:
    """What each channel adds to both metrics, with intervals, beside what it costs."""
    worth, names = report.worth, list(report.advice)
    labels = [f"{n} ({_ms(worth.tallies[n].ms(0.5))} ms)" for n in names]
    figure, axes = empty_figure(1.0 + 0.4 * len(names), labels)
    for metric, colour, shift in ((RECALL, THEIRS, -0.13), (NDCG, OURS, 0.13)):
        _bars(axes, [worth.adds(n, metric) for n in names], colour, shift, metric)
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_yticks(range(len(names)), labels)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("what is lost without it, 95 % intervals")
    axes.grid(axis="y", visible=False)
    axes.legend(loc="best", frameon=False, fontsize=8)
    return figure


def _bars(axes: Any, found: Sequence[Interval], colour: str, shift: float, label: str) -> None:
    axes.errorbar(
        [x.mean for x in found], [i + shift for i in range(len(found))],
        xerr=[[x.mean - x.low for x in found], [x.high - x.mean for x in found]],
        fmt="o", color=colour, markersize=4, linewidth=1.2, label=label,
    )  # fmt: skip


def _ends(interval: Interval) -> dict[str, float | None]:
    return {
        "value": _or_none(interval.mean), "low": _or_none(interval.low),
        "high": _or_none(interval.high),
    }  # fmt: skip


def _ms(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "–"


def _or_none(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
