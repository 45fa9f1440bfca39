"""One or two short sentences about a document, from templates; the English one names its kind."""

from __future__ import annotations

from app.offline.demo.city import DISTRICTS, STREETS
from app.offline.demo.coinage import GIVEN, SURNAMES
from app.offline.demo.kind import Term
from app.offline.demo.names import Draft

_DINING = (
    "{district}{landmark}旁的{syn}，招牌{item}、{other}，{facility}。",
    "主打{item}和{other}，{person}主理，{tag}，{facility}。",
    "开在{street}{number}号，{item}每天现做，适合{tag}。",
    "{landmark}步行{minutes}分钟，{syn}，必点{item}、{other}。",
    "老板{person}的{syn}，{item}限量，{facility}，{tag}。",
    "{district}人气{syn}，{item}分量足，{other}也值得一试。",
)
_OUTING = (
    "{district}{landmark}附近的{syn}，有{item}、{other}，{facility}。",
    "位于{street}{number}号，{tag}，提供{item}。",
    "{landmark}步行{minutes}分钟即到，{item}口碑好，{facility}。",
    "{syn}，{tag}，{item}与{other}一应俱全，店长{person}。",
    "{district}的{syn}，{facility}，推荐{item}。",
)
_GOODS = (
    "{name}{item}，{tag}，{scene}。",
    "{syn}之选：{item}，{tag}，适合{scene}。",
    "{name}新款{item}，{tag}，由设计师{person}参与。",
    "鲸湾本地仓发货，{item}，{tag}，七天可退。",
    "{item}与{other}同系列，{tag}，{scene}。",
)
_DINING_EN = (
    "{Syn} with {item} and {other} near {landmark}, {district}.",
    "{Tag} {syn} on {street}; try the {item}.",
    "Home of {name} {item}: a {tag} {syn}.",
)
_OUTING_EN = (
    "{Syn} near {landmark}, {district}: {item}, {other}.",
    "{Tag} {syn} on {street} with {item}.",
)
_GOODS_EN = (
    "{name} {item}: {tag} {syn}.",
    "{Syn}, {tag}; part of the {name} series.",
)
_FACILITIES = (
    "可停车", "有无线网", "有儿童椅", "可刷卡", "靠窗能看海", "有充电插座", "地铁口直达",
    "有无障碍通道", "支持预约", "空调开放", "可带宠物", "有露台",
)  # fmt: skip
_SCENES = ("通勤", "旅行", "送礼", "宿舍", "海边度假", "办公室", "周末露营", "居家")
_SENTENCES = {
    "dining": (_DINING, _DINING_EN),
    "outing": (_OUTING, _OUTING_EN),
    "goods": (_GOODS, _GOODS_EN),
}


def text(draft: Draft) -> str:
    """A Chinese sentence, with an English one beside it three times in four."""
    chinese, english = _SENTENCES[draft.kind.group]
    if draft.roll(40, 100) < 4:
        return _english(draft, english)
    sentence = _chinese(draft, chinese)
    if draft.roll(40, 100) < 75:
        return f"{sentence}{_english(draft, english)}"
    return sentence


def _chinese(draft: Draft, templates: tuple[str, ...]) -> str:
    return templates[draft.roll(0, len(templates))].format(
        name=draft.zh,
        syn=_synonym(draft).zh,
        item=draft.items[0].zh,
        other=draft.items[-1].zh,
        tag="、".join(t.zh for t in draft.tags),
        district=DISTRICTS[draft.district].name.zh,
        landmark=draft.landmark.zh,
        street=STREETS[draft.roll(5, len(STREETS))].zh,
        number=draft.roll(26, 380) + 1,
        minutes=draft.roll(33, 14) + 2,
        person=_person(draft),
        facility=_FACILITIES[draft.roll(28, len(_FACILITIES))],
        scene=_SCENES[draft.roll(28, len(_SCENES))],
    )


def _english(draft: Draft, templates: tuple[str, ...]) -> str:
    synonym = _synonym(draft).en
    tag = draft.tags[0].en
    return templates[draft.roll(46, len(templates))].format(
        name=draft.en,
        syn=synonym,
        Syn=synonym[0].upper() + synonym[1:],
        item=draft.items[0].en,
        other=draft.items[-1].en,
        tag=tag,
        Tag=tag[0].upper() + tag[1:],
        district=DISTRICTS[draft.district].name.en,
        landmark=draft.landmark.en,
        street=STREETS[draft.roll(5, len(STREETS))].en,
    )


def _synonym(draft: Draft) -> Term:
    return draft.kind.synonyms[draft.roll(43, len(draft.kind.synonyms))]


def _person(draft: Draft) -> str:
    surname = SURNAMES[draft.roll(16, len(SURNAMES))]
    return surname + GIVEN[draft.roll(22, len(GIVEN))] + GIVEN[draft.roll(35, len(GIVEN))]
