"""Invented names: thousands of Chinese and English coined words, used with Zipf frequencies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain.arrays import Array
from app.offline.demo.chance import Stream, stream

# Chosen so that a pair reads like a shop's name and is in no common dictionary.
_FIRST = (
    "汐鲸屿潮帆澜珊漪渚沅泠沐浔湄溟霁岚岫峤翎鸢鹭鹿狸雁雀莺鲤鲟鲛橘柚椿榆桐梧棠槿荔荷苇蒲蓼芷"
    "葵茴苔蔓藜松枫竹墨砚笺笙瑟箫磬筝琥珀玳瑁璃琮玥琅暮晓昼夕弦朔望拾初未野远归听"
)
_SECOND = (
    "岸湾浦滩礁泊汀洲渡桥塔巷坞垣舍檐窗灯炉灶釜盏杯瓯壶匙箸盘笼罐坛瓮瓢篮帘伞舟筏桨锚缆帆潮浪"
    "汐雾露霜雪霞虹星月云岚雨风谷丘坡林枝叶果实穗豆麦禾粟芽苗蕊蕾瓣朵鱼虾蟹贝螺鸥鸦雀兔鹤犀马"
)
_TAIL = "记坊里家阁堂轩社屋铺园集物局研匠"
_ONSETS = (*"bdghjklmnprstvz", "br", "dr", "gl", "gr", "kl", "pl", "tr")
_VOWELS = (*"aeiou", "ai", "ea", "io", "ou")
_CODAS = ("", "", "", *"nlrmsx")
_REFUSED = ("nig", "sex", "tit", "rap", "nazi", "anal", "anus", "penis", "pis", "homo", "poo")

SURNAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹"
    "严华金魏陶姜戚谢邹苏潘葛范彭鲁韦马苗方俞任袁柳"
)
GIVEN = (
    "宁屿舟遥然希禾棠安乐言之予恩越川野澄沐清岚朗铭远航帆晴月星辰语诗念初夏秋冬晚竹青砚书琴瑶瑾璇"
)


@dataclass(frozen=True, slots=True)
class Coins:
    """Coined words by number: a Chinese and an English form of each."""

    zh: tuple[str, ...]
    en: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.zh)


def coin(count: int, seed: int) -> Coins:
    """Coin `count` distinct words in each language."""
    rng = stream(seed, Stream.COINS)
    return Coins(_chinese(rng, count), _english(rng, count))


def vocabulary_size(documents: int) -> int:
    """Distinct coined words in so many documents: Heaps' law, V = 10 n^0.6 (40,000 at 1M)."""
    return max(200, int(10 * documents**0.6))


def _chinese(rng: np.random.Generator, count: int) -> tuple[str, ...]:
    """Three in five have two characters while there are enough pairs, the others a third."""
    pairs = [a + b for a in _FIRST for b in _SECOND if a != b]
    order: Array = rng.permutation(len(pairs))
    short = [pairs[i] for i in order[: int(count * 0.6)]]
    stems = [pairs[i] for i in order[::-1]]
    long = (
        s + _TAIL[(i + turn) % len(_TAIL)]
        for turn in range(len(_TAIL))
        for i, s in enumerate(stems)
    )
    words = list(dict.fromkeys([*short, *(next(long) for _ in range(count - len(short)))]))
    return tuple(words[i] for i in rng.permutation(len(words)))


def _english(rng: np.random.Generator, count: int) -> tuple[str, ...]:
    words: dict[str, None] = {}
    while len(words) < count:
        words.update(dict.fromkeys(w for w in _english_block(rng, 4096) if _is_decent(w)))
    return tuple(words)[:count]


def _english_block(rng: np.random.Generator, size: int) -> list[str]:
    onsets = rng.integers(len(_ONSETS), size=(size, 3)).tolist()
    vowels = rng.integers(len(_VOWELS), size=(size, 3)).tolist()
    codas = rng.integers(len(_CODAS), size=size).tolist()
    lengths = rng.integers(2, 4, size=size).tolist()
    return [
        "".join(_ONSETS[o[i]] + _VOWELS[v[i]] for i in range(n)).capitalize() + _CODAS[c]
        for o, v, c, n in zip(onsets, vowels, codas, lengths, strict=True)
    ]


def _is_decent(word: str) -> bool:
    return not any(part in word.lower() for part in _REFUSED)
