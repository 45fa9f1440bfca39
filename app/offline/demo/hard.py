"""The same words written in awkward ways: traditional, full width, emoji, odd case and spacing."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import opencc

_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
_EMOJI = ("🔥", "🦞", "☕️", "🏖️", "👨‍👩‍👧", "🇨🇳", "💯")


class Distortion:
    """Writes one text in a hard way; every way keeps its meaning for a good analyzer."""

    def __init__(self) -> None:
        self._traditional: Callable[[str], str] = opencc.OpenCC("s2t").convert

    def of_row(self, row: dict[str, Any], roll: int) -> None:
        """Alter a catalogue row in place, in one of eight ways."""
        ways = (
            self._in_traditional,
            self._in_full_width,
            self._with_emoji,
            self._shouting,
            self._decomposed,
            self._without_numbers,
            self._very_long,
            self._with_markup,
        )
        ways[roll % len(ways)](row)

    def of_query(self, text: str, roll: int) -> str:
        ways: tuple[Callable[[str], str], ...] = (
            self._traditional,
            lambda t: t.translate(_WIDE),
            str.upper,
            lambda t: f"  {t}　",
        )
        return ways[roll % len(ways)](text)

    def _in_traditional(self, row: dict[str, Any]) -> None:
        row["title"] = self._traditional(row["title"])
        row["text"] = self._traditional(row["text"])

    def _in_full_width(self, row: dict[str, Any]) -> None:
        row["title"] = row["title"].translate(_WIDE)

    def _with_emoji(self, row: dict[str, Any]) -> None:
        emoji = _EMOJI[row["popularity"] % len(_EMOJI)]
        row["title"] = f"{emoji}{row['title']}{emoji}"

    def _shouting(self, row: dict[str, Any]) -> None:
        row["title"] = row["title"].upper().replace(" ", "  ")

    def _decomposed(self, row: dict[str, Any]) -> None:
        row["text"] = unicodedata.normalize("NFD", f"{row['text']} Café, crème brûlée, jalapeño.")

    def _without_numbers(self, row: dict[str, Any]) -> None:
        for key in ("price", "rating", "published_at", "tags"):
            row.pop(key, None)

    def _very_long(self, row: dict[str, Any]) -> None:
        row["text"] *= 25

    def _with_markup(self, row: dict[str, Any]) -> None:
        row["text"] = f'<b>{row["text"]}</b> "5\\6" & \t {{{row["id"]}}}\n\u200b'
