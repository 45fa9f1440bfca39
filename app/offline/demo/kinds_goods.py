"""What the invented city buys."""

from __future__ import annotations

from app.offline.demo.kind import kind

GOODS = (
    kind(
        "手机=phone",
        "goods",
        family="electronics",
        price=(2600, 0.55),
        share=4,
        also="智能手机=smartphone 拍照手机=camera_phone 老人机=mobile_phone",
        items="折叠屏手机=foldable_phone 拍照手机=camera_phone 游戏手机=gaming_phone "
        "长续航手机=long_battery_phone 小屏手机=compact_phone 老人机=senior_phone "
        "千元机=budget_phone 卫星通信手机=satellite_phone",
        tags="快充=fast_charging 防水=waterproof 轻薄=slim 大电池=big_battery "
        "高刷屏=high_refresh 学生优惠=student_discount 性价比=good_value",
        suffixes="手机=Phone 折叠手机=Fold 青春版=Lite 旗舰版=Ultra",
    ),
    kind(
        "耳机=headphones",
        "goods",
        family="electronics",
        price=(420, 0.7),
        share=4,
        also="蓝牙耳机=bluetooth_earbuds 降噪耳机=noise_cancelling_headphones 耳麦=headset",
        items="真无线耳机=wireless_earbuds 头戴耳机=over-ear_headphones "
        "骨传导耳机=bone_conduction_headphones 运动耳机=sport_earbuds 游戏耳机=gaming_headset "
        "有线耳机=wired_earphones 睡眠耳机=sleep_earbuds",
        tags="降噪=noise_cancelling 长续航=long_battery 防水=waterproof 低延迟=low_latency "
        "轻薄=slim 高保真=hi-fi 性价比=good_value",
        suffixes="耳机=Headphones 降噪耳机=ANC 蓝牙耳机=Buds",
    ),
    kind(
        "笔记本电脑=laptop",
        "goods",
        family="electronics",
        price=(5600, 0.45),
        share=3,
        also="笔记本=notebook_computer 电脑=computer 轻薄本=ultrabook",
        items="轻薄本=ultrabook 游戏本=gaming_laptop 商务本=business_laptop "
        "二合一平板=2-in-1_tablet 创作本=creator_laptop 学生本=student_laptop",
        tags="轻薄=slim 长续航=long_battery 高刷屏=high_refresh 可办公=office_work "
        "学生优惠=student_discount 静音=silent 性价比=good_value",
        suffixes="笔记本=Book 轻薄本=Air_Book 游戏本=Gaming_Laptop",
    ),
    kind(
        "彩妆=makeup",
        "goods",
        family="beauty",
        price=(128, 0.6),
        share=4,
        also="化妆品=cosmetics 美妆=beauty 彩妆盘=makeup_palette",
        items="口红=lipstick 粉底液=foundation 眼影=eyeshadow 腮红=blush 睫毛膏=mascara "
        "眉笔=eyebrow_pencil 定妆粉=setting_powder 卸妆油=cleansing_oil 唇釉=lip_glaze",
        tags="持妆=long_lasting 哑光=matte 滋润=moisturising 敏感肌=sensitive_skin 送礼=gift "
        "新手=beginner 防水=waterproof",
        suffixes="彩妆=Makeup 美妆=Beauty 限定=Limited",
    ),
    kind(
        "护肤=skincare",
        "goods",
        family="beauty",
        price=(186, 0.6),
        share=4,
        also="护肤品=skin_care 面霜=face_cream 防晒=sunscreen",
        items="面膜=face_mask 防晒霜=sunscreen 精华=serum 洗面奶=cleanser 爽肤水=toner "
        "眼霜=eye_cream 身体乳=body_lotion 护手霜=hand_cream 海藻面霜=seaweed_cream",
        tags="补水=hydrating 敏感肌=sensitive_skin 控油=oil_control 抗老=anti-ageing 送礼=gift "
        "孕妇可用=pregnancy_safe",
        suffixes="护肤=Skincare 修护=Repair 焕亮=Glow",
    ),
    kind(
        "零食=snacks",
        "goods",
        price=(28, 0.5),
        share=5,
        also="休闲食品=snack_food 坚果=nuts 糖果=candy",
        items="鱿鱼丝=dried_squid 海苔=seaweed_crisps 坚果=mixed_nuts 薯片=potato_chips "
        "牛肉干=beef_jerky 饼干=biscuits 果冻=jelly 巧克力=chocolate 虾片=prawn_crackers "
        "蜜饯=preserved_fruit 鱼豆腐=fish_tofu",
        tags="低卡=low_calorie 独立包装=individually_wrapped 送礼=gift 本地特色=local_specialty "
        "办公室=office 无添加=no_additives 麻辣=spicy",
        suffixes="零食=Snacks 零食大礼包=Snack_Box 小食=Bites",
    ),
    kind(
        "茶叶=tea_leaves",
        "goods",
        price=(138, 0.7),
        share=2,
        also="茶=tea 绿茶=green_tea 乌龙茶=oolong",
        items="绿茶=green_tea 红茶=black_tea 乌龙茶=oolong 白茶=white_tea 普洱=pu-erh "
        "茉莉花茶=jasmine_tea 花草茶=herbal_infusion 冷泡茶包=cold_brew_tea_bags",
        tags="送礼=gift 办公室=office 明前=early_spring 有机=organic 独立包装=individually_wrapped",
        suffixes="茶叶=Tea 茶礼=Tea_Gift 山茶=Mountain_Tea",
    ),
    kind(
        "运动鞋=sneakers",
        "goods",
        family="sportswear",
        price=(360, 0.5),
        share=4,
        also="跑鞋=running_shoes 球鞋=trainers 徒步鞋=hiking_shoes",
        items="跑鞋=running_shoes 篮球鞋=basketball_shoes 徒步鞋=hiking_boots 板鞋=skate_shoes "
        "凉鞋=sandals 溯溪鞋=water_shoes 网球鞋=tennis_shoes 儿童鞋=kids_shoes",
        tags="透气=breathable 缓震=cushioned 防滑=non-slip 轻薄=lightweight 防水=waterproof "
        "性价比=good_value",
        suffixes="运动鞋=Sneakers 跑鞋=Runner 户外鞋=Trail",
    ),
    kind(
        "家居=home_goods",
        "goods",
        price=(145, 0.8),
        share=4,
        also="家居用品=homeware 家具=furniture 收纳=storage",
        items="台灯=desk_lamp 收纳箱=storage_box 床品四件套=bedding_set 香薰=scented_candle "
        "扫地机=robot_vacuum 电饭煲=rice_cooker 藤编椅=rattan_chair 地毯=rug 保温杯=thermos "
        "加湿器=humidifier",
        tags="静音=silent 北欧风=nordic_style 小户型=small_flat 送礼=gift 环保=eco-friendly "
        "性价比=good_value",
        suffixes="家居=Home 生活=Living 家=House",
    ),
    kind(
        "母婴=baby",
        "goods",
        price=(118, 0.6),
        share=3,
        also="婴儿用品=baby_products 童装=kids_clothes 玩具=toys",
        items="纸尿裤=diapers 奶瓶=baby_bottle 婴儿车=stroller 积木=building_blocks "
        "绘本=picture_books 辅食=baby_food 儿童水杯=kids_cup 安全座椅=car_seat 连体衣=romper",
        tags="无添加=no_additives 敏感肌=sensitive_skin 环保=eco-friendly 益智=educational "
        "送礼=gift 可折叠=foldable",
        suffixes="母婴=Baby 童品=Kids 宝贝=Bebe",
    ),
)
