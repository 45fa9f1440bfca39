"""Rules as an operator writes them → rules of a snapshot's schema and analyzer.

What can be told from the text alone is refused when a service starts; a field that the catalogue
lacks, when a snapshot is opened that lacks it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.corpus.analyzer import Analyzer
from app.corpus.schema import FieldType, Schema
from app.domain.errors import InvalidInput, InvalidQuery
from app.domain.filters import MAX_CLAUSES, Filter, Within
from app.pipeline.rules import Action, Rule, Rules, When
from app.query.filters import parse_filters
from app.snapshot.snapshot import Snapshot

MAX_RULES = 1_000
MAX_PINNED = 50


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """One rule, its texts not yet analysed and its fields not yet looked up."""

    name: str
    action: Action
    documents: Mapping[str, Any]  # filters as in a search
    factor: float | None = None  # of a boost
    position: int = 1
    query: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    mentions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    near: Within | None = None
    since_ms: float = float("-inf")
    until_ms: float = float("inf")


def check(rules: Sequence[WrittenRule]) -> None:
    """Refuse what no catalogue could make sense of. Raises InvalidInput naming the rule."""
    if len(rules) > MAX_RULES:
        raise InvalidInput(f"{len(rules)} rules, at most {MAX_RULES}; join those that do the same")
    names: set[str] = set()
    for rule in rules:
        if rule.name in names:
            raise _refused(rule, "another rule has that name; each needs its own")
        names.add(rule.name)
        _check_action(rule)
        if not rule.documents:
            raise _refused(rule, 'documents is empty; say which, as {"brand": "Acme"}')
        if rule.since_ms >= rule.until_ms:
            raise _refused(rule, "when.until is not after when.since; swap the two")


def rules_of(written: Sequence[WrittenRule], snapshot: Snapshot) -> Rules:
    """Read the rules for one snapshot. Raises InvalidInput naming the rule that it cannot."""
    schema, analyzer = snapshot.documents.schema, snapshot.analyzer
    return Rules.of([_rule(one, schema, analyzer) for one in written])


def _check_action(rule: WrittenRule) -> None:
    if (rule.factor is not None) != (rule.action is Action.BOOST):
        raise _refused(rule, "factor comes with the action boost and with no other")
    if rule.action is not Action.PIN:
        if rule.position != 1:
            raise _refused(rule, "position comes with the action pin and with no other")
        return
    ids = rule.documents.get("id")
    ids = [ids] if isinstance(ids, str) else ids
    is_list = isinstance(ids, list) and all(isinstance(one, str) and one for one in ids)
    if len(rule.documents) != 1 or not is_list or not 0 < len(ids or ()) <= MAX_PINNED:
        raise _refused(rule, f'documents of a pin are {{"id": [..]}}, 1 to {MAX_PINNED} ids')


def _rule(rule: WrittenRule, schema: Schema, analyzer: Analyzer) -> Rule:
    ids = rule.documents.get("id", ()) if rule.action is Action.PIN else ()
    words = (frozenset(analyzer.query_terms(text, schema.analyzers)) for text in rule.words)
    when = When(
        frozenset(analyzer.normalise(text) for text in rule.query),
        tuple(words),
        {name: _values(rule, name, values, schema) for name, values in rule.mentions.items()},
        rule.near, rule.since_ms, rule.until_ms,
    )  # fmt: skip
    if not all(when.words):
        raise _refused(rule, "when.words has an entry without a word; leave it out")
    return Rule(
        rule.name, rule.action, _documents(rule, schema), when,
        1.0 if rule.factor is None else rule.factor, rule.position,
        (ids,) if isinstance(ids, str) else tuple(dict.fromkeys(ids)),
    )  # fmt: skip


def _documents(rule: WrittenRule, schema: Schema) -> Filter:
    try:
        tree = parse_filters(rule.documents, schema)
    except InvalidQuery as error:
        raise _refused(rule, str(error).replace("filters", "documents", 1)) from None
    if tree is None:
        raise _refused(rule, f"documents has no clause; write 1 to {MAX_CLAUSES}")
    return tree


def _values(
    rule: WrittenRule, name: str, values: tuple[str, ...], schema: Schema
) -> frozenset[str]:
    spec = schema.fields.get(name)
    if spec is None or spec.type is not FieldType.KEYWORD:
        known = ", ".join(f.name for f in schema.of_type(FieldType.KEYWORD))
        raise _refused(rule, f"when.mentions.{name} is no keyword field; known: {known}")
    return frozenset(values)


def _refused(rule: WrittenRule, why: str) -> InvalidInput:
    return InvalidInput(f"rule {rule.name!r}: {why}; see docs/select.md")
