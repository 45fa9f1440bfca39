"""What places and products are called: Chinese mostly, some English, some both."""

from __future__ import annotations

from dataclasses import dataclass

from app.offline.demo.catalogue import EN, MIXED
from app.offline.demo.city import DISTRICTS
from app.offline.demo.coinage import SURNAMES
from app.offline.demo.kind import Kind, Term

_COLOURS = (
    Term("曜黑", "Black"),
    Term("雾白", "White"),
    Term("潮汐蓝", "Tide Blue"),
    Term("珊瑚橙", "Coral"),
)
_LETTERS = "ABCDEFGHJKLMNPQRSTVXZ"
_GRADES = ("", " Pro", " Lite", " Max", " SE")
_SIZES = {
    "beauty": ("30ml", "50ml", "3.5g", "100ml", "200ml"),
    "snacks": ("80g", "120g", "250g", "500g", "1kg"),
    "tea leaves": ("50g", "100g", "250g", "20袋", "礼盒"),
    "baby": ("S", "M", "L", "0-6个月", "3岁+"),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """One document on its way from numbers to words."""

    kind: Kind
    zh: str  # coined word of the name
    en: str
    is_branded: bool
    script: int
    district: int  # −1 = a product
    items: tuple[Term, ...]  # at least one
    tags: tuple[Term, ...]
    dice: int  # 62 random bits

    def roll(self, shift: int, sides: int) -> int:
        """Return a number in [0, sides) made of the dice's bits from `shift` on."""
        return (self.dice >> shift) % 1021 % sides

    @property
    def suffix(self) -> Term:
        """Last part of the name; a chain bears the same one at every branch."""
        suffixes = self.kind.suffixes
        if self.is_branded and self.kind.is_place:
            return suffixes[len(self.zh + self.en) % len(suffixes)]
        return suffixes[self.roll(3, len(suffixes))]

    @property
    def landmark(self) -> Term:
        landmarks = DISTRICTS[self.district].landmarks
        return landmarks[self.roll(12, len(landmarks))]


def name(draft: Draft) -> str:
    """The name as people type it, without the branch."""
    if not draft.kind.is_place:
        return _product(draft)
    suffix = draft.suffix
    if draft.script == EN:
        return f"{draft.en} {suffix.en}"
    if draft.script == MIXED:
        return _mixed(draft, suffix)
    if draft.is_branded:
        return draft.zh + suffix.zh
    return _single_shop(draft, suffix)


def title(draft: Draft) -> str:
    """The name, and for a chain which branch."""
    full = name(draft)
    if not (draft.is_branded and draft.kind.is_place):
        return full
    district = DISTRICTS[draft.district].name
    if draft.script == EN:
        return f"{full} ({district.en} {draft.landmark.en})"
    return f"{full}（{district.zh}{draft.landmark.zh if draft.roll(7, 2) else ''}店）"


def brand(draft: Draft) -> str | None:
    if not draft.is_branded:
        return None
    return draft.en if draft.script == EN else draft.zh


def _mixed(draft: Draft, suffix: Term) -> str:
    # A chain writes its name the same way everywhere, so its letters decide, not the dice.
    form = len(draft.en) % 2 if draft.is_branded else draft.roll(20, 2)
    if form:
        return f"{draft.zh}{suffix.zh} {draft.en} {suffix.en}"
    return f"{draft.en}{suffix.zh}"


def _single_shop(draft: Draft, suffix: Term) -> str:
    form = draft.roll(20, 8)
    if form == 0:
        return f"{SURNAMES[draft.roll(16, len(SURNAMES))]}记{draft.zh}{suffix.zh}"
    if form == 1:
        return f"{draft.zh}·{draft.items[0].zh}{suffix.zh}"
    if form == 2:
        return f"{DISTRICTS[draft.district].name.zh}{draft.zh}{suffix.zh}"
    return draft.zh + suffix.zh


def _product(draft: Draft) -> str:
    item, variant = draft.items[0], _variant(draft)
    if draft.script == EN:
        return f"{draft.en} {item.en.title()} {variant}"
    if draft.script == MIXED:
        return f"{draft.zh} {draft.en} {item.zh} {variant}"
    return f"{draft.zh} {item.zh} {variant}"


def _variant(draft: Draft) -> str:
    if sizes := _SIZES.get(draft.kind.family):
        return sizes[draft.roll(20, len(sizes))]
    code = f"{_LETTERS[draft.roll(16, 21)]}{draft.roll(24, 99) + 1}{_GRADES[draft.roll(30, 5)]}"
    colour = _COLOURS[draft.roll(36, len(_COLOURS))]
    return f"{code} {colour.en if draft.script == EN else colour.zh}"
