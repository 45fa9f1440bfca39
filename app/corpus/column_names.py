"""Which column of somebody's file probably holds what: proposed in errors, never taken unasked."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence

MOST_SHOWN = 40  # column names in one error
_SIGNS = re.compile(r"[\W_]+")
_USUAL: Mapping[str, str] = {
    "id": "sku skuid spu spuid productid itemid goodsid documentid docid poiid shopid storeid "
    "hotelid uid uuid asin code productcode itemcode 编号 商品编号 商品id 货号 主键",
    "title": "name productname itemname goodsname shopname storename hotelname poiname "
    "producttitle itemtitle goodstitle 名称 商品名称 商品名 标题 商品标题 店名 品名",
    "text": "description desc productdescription detail details content body summary introduction "
    "描述 商品描述 简介 详情 介绍",
    "category": "cate cat categoryname catename productcategory 分类 类目 品类 类别",
    "tags": "tag keywords labels 标签 关键词",
    "brand": "brandname manufacturer maker 品牌 厂商",
    "lat": "latitude 纬度",
    "lon": "lng long longitude 经度",
    "price": "prc saleprice unitprice 价格 售价 单价 现价",
    "rating": "score stars avgrating ratingscore 评分 星级",
    "popularity": "sales salescount soldcount viewcount 销量 热度 人气",
    "published_at": "createdat createtime created publishtime publishdate releasedate "
    "上架时间 发布时间 创建时间",
    "in_stock": "available isavailable hasstock 有货 是否有货",
}  # as `_plain` writes them
_ENDINGS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "sku", "编号"),
    "title": ("name", "title", "名称", "标题"),
}


def proposed(ours: Iterable[str], theirs: Sequence[str]) -> dict[str, str]:
    """Return our name → the column that probably holds it, each column once, where one does."""
    found: dict[str, str] = {}
    for name in ours:
        free = [column for column in theirs if column and column not in found.values()]
        column = _called(name, free) or _ending(name, free)
        if column is not None:
            found[name] = column
    return found


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the one of `known` that is spelled most like `name`, if any is like it."""
    by_plain = {_plain(k): k for k in reversed(list(known))}
    near = difflib.get_close_matches(_plain(name), by_plain, 1)
    return by_plain[near[0]] if near else None


def as_options(columns: Mapping[str, str]) -> str:
    """Write our name → theirs as a shell takes it: `--column id=sku --column title=name`."""
    return " ".join(f"--column {shlex.quote(f'{o}={shown(t)}')}" for o, t in columns.items())


def listed(names: Sequence[str]) -> str:
    """Write names for one line of an error, the first of many."""
    told = ", ".join(shown(name) for name in names[:MOST_SHOWN] if name)
    more = len(names) - MOST_SHOWN
    return f"{told} and {more:,} more" if more > 0 else told


def shown(name: str) -> str:
    """Return a name as it may be printed: line ends, and bytes that are no text, are escaped."""
    short = name if len(name) <= 80 else f"{name[:80]}…"
    return short if short.isprintable() else ascii(short)[1:-1]


def _plain(name: str) -> str:
    return _SIGNS.sub("", name.lower())


def _called(name: str, theirs: Iterable[str]) -> str | None:
    usual = {_plain(name), *_USUAL.get(name, "").split()}
    return next((column for column in theirs if _plain(column) in usual), None)


def _ending(name: str, theirs: Iterable[str]) -> str | None:
    endings = _ENDINGS.get(name)
    if endings is None:
        return None
    return next((column for column in theirs if _plain(column).endswith(endings)), None)
