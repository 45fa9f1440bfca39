"""What people type for what they need: Chinese or English, whole names or parts, oddly at times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.offline.demo import names
from app.offline.demo.catalogue import EN, MIXED, take
from app.offline.demo.city import DISTRICTS
from app.offline.demo.kind import Term
from app.offline.demo.names import Draft
from app.offline.demo.rows import Renderer
from app.offline.demo.visits import Intent, Visits, World

_NEAR_ZH = ("附近的{}", "{} 附近", "附近{}", "离我近的{}", "{}")
_NEAR_EN = ("{} near me", "nearby {}", "{} nearby")
_HARD_IN = 50  # one query in so many is written in a hard way


@dataclass(frozen=True, slots=True)
class _Typed:
    """One need with its words looked up."""

    draft: Draft  # of the document in mind
    item: Term | None
    tag: Term | None
    district: Term | None
    english: bool
    dice: int

    def say(self, term: Term) -> str:
        return term.en if self.english else term.zh

    def kind(self) -> str:
        """Return the category by one of its names, its own one most often."""
        synonyms = self.draft.kind.synonyms
        return self.say(synonyms[max(0, self.dice % (len(synonyms) + 3) - 3)])

    def among(self, *forms: str) -> str:
        return forms[self.dice // 16 % len(forms)]


def texts(renderer: Renderer, world: World, visits: Visits) -> Iterator[str]:
    """Yield what each visitor types; empty for browsing."""
    items, tags = world.vocabulary.items, world.vocabulary.tags
    columns = (
        visits.intent,
        visits.item,
        visits.tag,
        visits.district,
        visits.in_english,
        visits.dice,
    )
    drafts = renderer.drafts(take(world.documents, visits.target))
    for draft, intent, item, tag, district, english, dice in zip(
        drafts, *(c.tolist() for c in columns), strict=True
    ):
        typed = _Typed(
            draft=draft,
            item=items[item] if item >= 0 else None,
            tag=tags[tag] if tag >= 0 else None,
            district=DISTRICTS[district].name if district >= 0 else None,
            english=english,
            dice=dice,
        )
        text = _WAYS[Intent(intent)](typed)
        hard = dice >> 20
        yield renderer.distortion.of_query(text, hard >> 8) if hard % _HARD_IN == 0 else text


def _name(typed: _Typed) -> str:
    draft = typed.draft
    if draft.kind.is_place:
        return names.name(draft)
    item = draft.items[0]
    if typed.english:
        return typed.among(f"{draft.en} {item.en}", f"{draft.en.lower()} {item.en}")
    return typed.among(f"{draft.zh}{item.zh}", f"{draft.zh} {item.zh}")


def _branch(typed: _Typed) -> str:
    district = typed.district or DISTRICTS[0].name
    place = district.en if typed.draft.script == EN else district.zh
    return typed.among(f"{_name(typed)} {place}", f"{place}{_name(typed)}")


def _word(typed: _Typed) -> str:
    """The coined word in the script that the shop uses, sometimes cut short."""
    draft = typed.draft
    if draft.script == EN or (draft.script == MIXED and typed.english):
        return typed.among(draft.en, draft.en.lower(), draft.en.lower())
    if draft.script == MIXED and _shows_english_only(draft):
        return draft.en
    return typed.among(draft.zh, draft.zh, draft.zh[:2])


def _shows_english_only(draft: Draft) -> bool:
    return draft.zh not in names.name(draft)


def _kind(typed: _Typed) -> str:
    return typed.kind()


def _near(typed: _Typed, what: str) -> str:
    return typed.among(*(_NEAR_EN if typed.english else _NEAR_ZH)).format(what)


def _item(typed: _Typed) -> str:
    return typed.say(typed.item or typed.draft.items[0])


def _tag_kind(typed: _Typed) -> str:
    tag = typed.say(typed.tag or typed.draft.tags[0])
    if typed.english:
        return f"{tag} {typed.kind()}"
    return typed.among(f"{tag} {typed.kind()}", f"{tag}{typed.kind()}", f"{typed.kind()} {tag}")


def _district_kind(typed: _Typed) -> str:
    district = typed.district or DISTRICTS[0].name
    if typed.english:
        return f"{typed.kind()} in {district.en}"
    return typed.among(f"{district.zh}{typed.kind()}", f"{district.zh} {typed.kind()}")


_WAYS: dict[Intent, Callable[[_Typed], str]] = {
    Intent.NAME: _name,
    Intent.BRANCH: _branch,
    Intent.WORD: _word,
    Intent.KIND: _kind,
    Intent.KIND_NEAR: lambda typed: _near(typed, typed.kind()),
    Intent.ITEM: _item,
    Intent.ITEM_NEAR: lambda typed: _near(typed, _item(typed)),
    Intent.TAG_KIND: _tag_kind,
    Intent.DISTRICT_KIND: _district_kind,
    Intent.BROWSE: lambda _: "",
}
