"""Where the invented city stays, walks and runs its errands."""

from __future__ import annotations

from app.offline.demo.kind import kind

OUTINGS = (
    kind(
        "酒店=hotel",
        "outing",
        price=(420, 0.5),
        share=5,
        also="宾馆=hotels 旅馆=inn 度假酒店=resort",
        items="大床房=king_room 双床房=twin_room 海景房=sea_view_room 家庭房=family_room "
        "行政套房=executive_suite 自助早餐=breakfast_buffet 泳池=swimming_pool "
        "机场接送=airport_shuttle 会议室=meeting_room 停车场=parking",
        tags="海景=sea_view 亲子=kid_friendly 商务=business 近地铁=near_metro "
        "含早餐=breakfast_included 宠物友好=pet_friendly 安静=quiet 免费取消=free_cancellation",
        suffixes="酒店=Hotel 大酒店=Grand_Hotel 精品酒店=Boutique_Hotel 度假酒店=Resort",
    ),
    kind(
        "民宿=homestay",
        "outing",
        price=(260, 0.45),
        share=4,
        also="客栈=guesthouse 公寓=serviced_apartment 短租=short_stay",
        items="海景房=sea_view_room 家庭房=family_room 阁楼=loft 小院=courtyard 厨房=kitchen "
        "洗衣机=washing_machine 投影=projector 大床房=king_room 榻榻米=tatami 浴缸=bathtub",
        tags="海景=sea_view 拍照=photogenic 宠物友好=pet_friendly 安静=quiet "
        "可做饭=kitchen_access 亲子=kid_friendly 近海滩=near_the_beach",
        suffixes="民宿=Homestay 客栈=Guesthouse 小院=Courtyard_Inn 公寓=Apartments",
    ),
    kind(
        "景点=sights",
        "outing",
        price=(55, 0.6),
        share=3,
        also="旅游景点=attractions 名胜=sightseeing 打卡地=places_to_visit",
        items="观景台=viewing_deck 海滩=beach 灯塔=lighthouse 古城墙=city_wall 游船=boat_trip "
        "缆车=cable_car 日出=sunrise 夜景=night_view 寺庙=temple 玻璃栈道=glass_walkway "
        "潮间带=tide_pools",
        tags="拍照=photogenic 亲子=kid_friendly 免费=free 户外=outdoor 海景=sea_view "
        "夜游=night_tour 徒步=hiking",
        suffixes="景区=Scenic_Area 观景台=Lookout 海滩=Beach 古街=Old_Street",
    ),
    kind(
        "博物馆=museum",
        "outing",
        price=(30, 0.6),
        share=2,
        also="展览馆=exhibition 美术馆=art_gallery 科技馆=science_museum",
        items="海洋馆=aquarium 航海史展=seafaring_exhibition 恐龙化石=dinosaur_fossils "
        "油画展=oil_paintings 青花瓷=blue_and_white_porcelain 天象厅=planetarium "
        "讲解服务=guided_tour 临展=special_exhibition",
        tags="亲子=kid_friendly 免费=free 雨天=rainy_day 安静=quiet 拍照=photogenic "
        "需预约=booking_required",
        suffixes="博物馆=Museum 美术馆=Art_Gallery 展览馆=Exhibition_Hall 科技馆=Science_Centre",
    ),
    kind(
        "公园=park",
        "outing",
        price=(12, 0.5),
        share=2,
        also="湿地公园=wetland_park 植物园=botanical_garden 游乐园=amusement_park",
        items="环湖步道=lakeside_path 樱花林=cherry_grove 儿童乐园=playground "
        "露营草坪=camping_lawn 观鸟台=bird_hide 摩天轮=ferris_wheel 过山车=roller_coaster "
        "温室=greenhouse",
        tags="免费=free 户外=outdoor 亲子=kid_friendly 跑步=running 野餐=picnic "
        "宠物友好=pet_friendly",
        suffixes="公园=Park 湿地公园=Wetland_Park 植物园=Botanical_Garden 游乐园=Fun_Park",
    ),
    kind(
        "电影院=cinema",
        "outing",
        price=(46, 0.3),
        share=2,
        also="影院=movie_theater 影城=movies 看电影=film",
        items="巨幕厅=giant_screen 情侣座=couple_seats 环绕声=surround_sound 爆米花=popcorn "
        "午夜场=midnight_show 儿童厅=kids_hall 躺椅=recliners",
        tags="约会=date_night 学生优惠=student_discount 亲子=kid_friendly 近地铁=near_metro "
        "宵夜=late_night",
        suffixes="影城=Cinema 电影院=Movie_House 影院=Film_Centre",
    ),
    kind(
        "健身房=gym",
        "outing",
        price=(85, 0.5),
        share=3,
        also="健身=fitness 瑜伽馆=yoga_studio 游泳馆=swimming",
        items="私教课=personal_training 瑜伽=yoga 动感单车=spinning 泳池=swimming_pool "
        "拳击=boxing 普拉提=pilates 攀岩=climbing 力量区=free_weights 羽毛球=badminton",
        tags="二十四小时=24_hours 近地铁=near_metro 小班课=small_classes 女性友好=women_friendly "
        "学生优惠=student_discount 按次付费=pay_per_visit",
        suffixes="健身=Fitness 健身房=Gym 瑜伽=Yoga 运动馆=Sports_Club",
    ),
    kind(
        "书店=bookshop",
        "outing",
        price=(45, 0.4),
        share=2,
        also="图书城=bookstore 独立书店=independent_bookshop 旧书店=second-hand_books",
        items="小说=novels 绘本=picture_books 旧书=used_books 文创=stationery_gifts "
        "手冲=pour_over 诗歌=poetry 摄影集=photo_books 读书会=book_club",
        tags="安静=quiet 可办公=laptop_friendly 亲子=kid_friendly 拍照=photogenic 雨天=rainy_day",
        suffixes="书店=Books 书屋=Book_House 书局=Bookstore",
    ),
    kind(
        "超市=supermarket",
        "outing",
        price=(38, 0.5),
        share=4,
        also="便利店=convenience_store 菜市场=market 生鲜店=grocery",
        items="鲜牛奶=fresh_milk 水果=fruit 蔬菜=vegetables 活海鲜=live_seafood 熟食=deli "
        "日用品=household_goods 进口食品=imported_food 便当=lunch_box 冰淇淋=ice_cream",
        tags="二十四小时=24_hours 送货上门=home_delivery 实惠=good_value 停车方便=easy_parking "
        "鲜果=fresh_fruit",
        suffixes="超市=Supermarket 便利店=Convenience 生鲜=Fresh_Market 市集=Market",
    ),
    kind(
        "美发=hair_salon",
        "outing",
        price=(120, 0.6),
        share=3,
        also="理发店=barber 美容院=beauty_salon 美甲=nail_salon",
        items="剪发=haircut 染发=hair_dye 烫发=perm 头皮护理=scalp_care 美甲=manicure "
        "美睫=eyelash_extension 面部护理=facial 造型=styling",
        tags="需预约=booking_required 女性友好=women_friendly 学生优惠=student_discount "
        "不推销=no_upselling 近地铁=near_metro",
        suffixes="美发=Hair_Salon 造型=Hair_Studio 理发店=Barber_Shop 美学=Beauty",
    ),
    kind(
        "药店=pharmacy",
        "outing",
        price=(42, 0.6),
        share=2,
        also="药房=drugstore 大药房=chemist 中药铺=herbal_medicine",
        items="感冒药=cold_medicine 口罩=face_masks 创可贴=plasters 维生素=vitamins "
        "血压计=blood_pressure_monitor 凉茶=herbal_tea 晕船药=seasickness_pills 眼药水=eye_drops",
        tags="二十四小时=24_hours 送货上门=home_delivery 医保=insurance_accepted 近地铁=near_metro",
        suffixes="大药房=Pharmacy 药店=Drugstore 药房=Chemist",
    ),
    kind(
        "温泉=hot_spring",
        "outing",
        price=(198, 0.5),
        share=1,
        also="汤泉=onsen 水疗=spa 足疗按摩=massage",
        items="露天汤池=open-air_bath 汗蒸=sauna 精油按摩=oil_massage 足疗=foot_massage "
        "海水浴=seawater_bath 私汤=private_bath 泳池=swimming_pool",
        tags="约会=date_night 亲子=kid_friendly 海景=sea_view 安静=quiet 宵夜=late_night "
        "含早餐=breakfast_included",
        suffixes="温泉=Hot_Springs 汤泉=Onsen 水疗=Spa",
    ),
)
