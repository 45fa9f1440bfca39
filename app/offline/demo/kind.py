"""What a kind of place or product is: its words in two languages, its prices, its share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["dining", "outing", "goods"]


@dataclass(frozen=True, slots=True)
class Term:
    """One word or phrase in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One category of the catalogue; `term.zh` is the value of its `category` field."""

    term: Term
    group: Group
    family: str  # kinds of one family share their brands
    synonyms: tuple[Term, ...]  # how people ask for it, the category's own name first
    items: tuple[Term, ...]  # dishes, services, product types; the most common first
    tags: tuple[Term, ...]
    suffixes: tuple[Term, ...]  # last part of a name
    median: float  # price, yuan
    spread: float  # standard deviation of the price's logarithm
    share: float  # of the catalogue, relative

    @property
    def is_place(self) -> bool:
        return self.group != "goods"


def terms(text: str) -> tuple[Term, ...]:
    """Read "毛肚=tripe 鸭血=duck_blood": blanks part terms, "_" is a blank inside English."""
    pairs = (word.split("=") for word in text.split())
    return tuple(Term(zh, en.replace("_", " ")) for zh, en in pairs)


def kind(
    name: str,
    group: Group,
    *,
    price: tuple[float, float],
    share: float,
    also: str,
    items: str,
    tags: str,
    suffixes: str,
    family: str = "",
) -> Kind:
    """Write a Kind as compact text; `price` is (median in yuan, spread of the logarithm)."""
    (term,) = terms(name)
    return Kind(
        term=term,
        group=group,
        family=family or term.en,
        synonyms=(term, *terms(also)),
        items=terms(items),
        tags=terms(tags),
        suffixes=terms(suffixes),
        median=price[0],
        spread=price[1],
        share=share,
    )
