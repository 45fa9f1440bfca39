"""The invented coastal city Whale Bay (鲸湾): districts, landmarks, streets and its shoreline.

It lies in the open sea at 27.5° N, 122.5° E, so that no point of it is a real address.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain.arrays import F32, F64, I16, Array
from app.offline.demo.kind import Term, terms

CENTRE = (27.5, 122.5)  # latitude, longitude in degrees
KM_PER_DEG = 111.195  # of latitude, on a sphere of radius 6371 km
KM_PER_DEG_EAST = KM_PER_DEG * float(np.cos(np.radians(CENTRE[0])))


@dataclass(frozen=True, slots=True)
class District:
    """One quarter; positions in km east and north of the centre, weights relative."""

    name: Term
    east: float
    north: float
    radius: float  # km, standard deviation of its places
    shops: float  # share of the places
    homes: float  # share of the homes
    jobs: float  # share of the workplaces
    landmarks: tuple[Term, ...]
    is_island: bool = False


def _district(
    name: str, at: tuple[float, float, float], weights: str, landmarks: str, *, island: bool = False
) -> District:
    shops, homes, jobs = map(float, weights.split())
    (term,) = terms(name)
    return District(term, *at, shops, homes, jobs, terms(landmarks), island)


DISTRICTS = (
    _district(
        "老码头=Old_Pier",
        (1.5, 0.5, 0.9),
        "12 6 5",
        "钟楼=Clock_Tower 鱼市=Fish_Market 骑楼街=Arcade_Street",
    ),
    _district(
        "灯塔湾=Lighthouse_Bay",
        (3.0, 4.5, 1.1),
        "10 4 3",
        "白灯塔=White_Lighthouse 浴场=Bathing_Beach 海滨栈道=Boardwalk",
    ),
    _district(
        "白帆新区=White_Sail",
        (-2.5, 2.0, 1.4),
        "14 10 22",
        "双帆大厦=Twin_Sails_Tower 会展中心=Expo_Centre 中央绿轴=Green_Axis",
    ),
    _district(
        "云栈大学城=Cloudway_Campus",
        (-9.0, -3.5, 1.6),
        "9 12 8",
        "图书馆=Library 北门美食街=North_Gate_Food_Street 体育场=Stadium",
    ),
    _district(
        "松涛山=Pine_Hill",
        (-7.0, 6.5, 2.0),
        "5 9 3",
        "半山亭=Halfway_Pavilion 缆车站=Cable_Car_Station 茶园=Tea_Terraces",
    ),
    _district(
        "盐花巷=Saltflower_Lane",
        (0.2, -1.8, 0.8),
        "10 9 5",
        "盐仓=Salt_House 壁画墙=Mural_Wall 老戏台=Old_Stage",
    ),
    _district(
        "星桥=Starbridge",
        (-4.5, -1.0, 1.2),
        "12 16 12",
        "换乘站=Metro_Interchange 天桥商场=Skybridge_Mall 市民广场=Civic_Square",
    ),
    _district(
        "青柚河=Pomelo_River",
        (-5.5, -7.0, 1.7),
        "8 15 6",
        "柚子桥=Pomelo_Bridge 河滨公园=Riverside_Park 花市=Flower_Market",
    ),
    _district(
        "珊瑚街=Coral_Street",
        (2.2, -4.8, 1.0),
        "9 6 5",
        "水族馆=Aquarium 音乐喷泉=Music_Fountain 夜市=Night_Market",
    ),
    _district(
        "锦鳞高铁站=Jinlin_Station",
        (-12.0, 2.5, 1.5),
        "6 7 9",
        "站前广场=Station_Square 长途客运站=Coach_Terminal 创业园=Startup_Park",
    ),
    _district(
        "北汐机场=North_Tide_Airport",
        (-8.0, 14.0, 1.5),
        "3 2 8",
        "航站楼=Terminal_One 航空小镇=Aviation_Town",
    ),
    _district(
        "月屿=Moon_Islet",
        (9.0, -1.0, 0.9),
        "4 2 1",
        "渡口=Ferry_Landing 月亮礁=Moon_Reef 渔村=Fishing_Village",
        island=True,
    ),
)

STREETS = terms(
    "观潮路=Tidewatch_Road 海棠街=Begonia_Street 望帆路=Sailview_Road "
    "渔歌巷=Fishersong_Lane 听涛路=Surf_Road 青石街=Bluestone_Street "
    "百舸大道=Hundred_Boats_Avenue 银杏路=Ginkgo_Road 采珠巷=Pearl_Lane 南风路=Southwind_Road "
    "贝壳街=Shell_Street 木棉路=Kapok_Road 罗盘路=Compass_Road 锚地路=Anchorage_Road "
    "星汉街=Milky_Way_Street 桅杆巷=Mast_Lane 龙舟路=Dragon_Boat_Road 茶亭街=Tea_Pavilion_Street "
    "堤上路=Causeway_Road 晒网街=Drying_Nets_Street"
)


def weights_of(name: str) -> F64:
    """Return (districts,) weights: "shops", "homes" or "jobs"."""
    return np.array([getattr(d, name) for d in DISTRICTS])


def scatter(rng: np.random.Generator, districts: Array) -> tuple[F64, F64]:
    """Place one point in each district (n,); → latitudes, longitudes (n,) in degrees.

    Gaussian around the district's centre, mirrored at the shore so that nothing but the island
    lies in the water; five decimals, about a metre.
    """
    east, north, radius = (np.array([getattr(d, k) for d in DISTRICTS]) for k in _PLACE)
    island = np.array([d.is_island for d in DISTRICTS])[districts]
    offset = rng.standard_normal((2, len(districts))) * radius[districts]
    x, y = east[districts] + offset[0], north[districts] + offset[1]
    shore = _shore_km(y)
    x = np.where(~island & (x > shore), 2 * shore - x, x)
    return at(x, y)


_PLACE = ("east", "north", "radius")


def at(east_km: F64, north_km: F64) -> tuple[F64, F64]:
    """Turn kilometres from the centre into degrees, rounded to five decimals."""
    lat = np.round(CENTRE[0] + north_km / KM_PER_DEG, 5)
    return lat, np.round(CENTRE[1] + east_km / KM_PER_DEG_EAST, 5)


def distance_km(lat: F64, lon: F64, other_lat: F64, other_lon: F64) -> F32:
    """Flat distance: within the city it differs from the great circle by less than 0.1 %."""
    north = (lat - other_lat) * KM_PER_DEG
    east = (lon - other_lon) * KM_PER_DEG_EAST
    return np.hypot(north, east).astype(np.float32)


def district_of(rng: np.random.Generator, weights: F64, size: int) -> I16:
    cumulative = np.cumsum(weights) / weights.sum()
    return np.searchsorted(cumulative, rng.random(size), side="right").astype(np.int16)


def _shore_km(north_km: F64) -> F64:
    """How far east the land reaches, km: a wavy coast."""
    return 3.6 + 0.8 * np.sin(north_km / 2.7) + 0.3 * np.sin(north_km * 1.9)
