"""Where the invented city eats and drinks."""

from __future__ import annotations

from app.offline.demo.kind import kind

DINING = (
    kind(
        "火锅=hotpot",
        "dining",
        price=(98, 0.35),
        share=6,
        also="老火锅=hot_pot 涮锅=shabu_shabu 麻辣锅=spicy_hotpot",
        items="毛肚=tripe 鸭血=duck_blood 黄喉=beef_aorta 虾滑=shrimp_paste 肥牛=fatty_beef "
        "手切羊肉=hand-cut_lamb 番茄锅底=tomato_broth 牛油锅底=beef_tallow_broth "
        "菌菇锅底=mushroom_broth 冻豆腐=frozen_tofu 鹅肠=goose_intestine 酥肉=crispy_pork "
        "贡菜=mountain_jelly_vegetable 脑花=pig_brain",
        tags="麻辣=spicy 聚餐=group_dining 宵夜=late_night 自助=buffet 包间=private_room "
        "清汤=clear_broth 亲子=kid_friendly 人均百元=mid-priced",
        suffixes="火锅=Hotpot 老火锅=Hotpot_House 火锅城=Hotpot_Palace 鲜牛肉火锅=Beef_Hotpot",
    ),
    kind(
        "川菜=Sichuan_food",
        "dining",
        price=(68, 0.4),
        share=4,
        also="四川菜=Sichuan_restaurant 川菜馆=Szechuan_food 辣菜=spicy_food",
        items="水煮鱼=boiled_fish 麻婆豆腐=mapo_tofu 回锅肉=twice-cooked_pork "
        "宫保鸡丁=kung_pao_chicken 夫妻肺片=sliced_beef_in_chili_oil "
        "口水鸡=mouthwatering_chicken 担担面=dandan_noodles 毛血旺=spicy_blood_curd "
        "鱼香肉丝=yuxiang_pork 酸菜鱼=pickled_cabbage_fish 辣子鸡=chili_chicken 冰粉=ice_jelly",
        tags="麻辣=spicy 下饭=goes_with_rice 聚餐=group_dining 家常=home_style "
        "老字号=long_established 包间=private_room 实惠=good_value",
        suffixes="川菜馆=Sichuan_Kitchen 川菜=Sichuan 小馆=Bistro 酒楼=Restaurant",
    ),
    kind(
        "粤菜=Cantonese_food",
        "dining",
        price=(110, 0.45),
        share=3,
        also="广东菜=Cantonese_restaurant 茶餐厅=cha_chaan_teng 早茶=dim_sum",
        items="虾饺=shrimp_dumplings 烧鹅=roast_goose 叉烧=char_siu 肠粉=rice_rolls "
        "煲仔饭=claypot_rice 白切鸡=poached_chicken 凤爪=chicken_feet 干炒牛河=beef_chow_fun "
        "菠萝包=pineapple_bun 艇仔粥=sampan_congee 清蒸石斑=steamed_grouper 双皮奶=milk_pudding",
        tags="清淡=light 早茶=morning_tea 商务宴请=business_dinner 亲子=kid_friendly "
        "包间=private_room 老字号=long_established 精致=refined",
        suffixes="粤菜=Cantonese 茶楼=Tea_House 酒家=Restaurant 茶餐厅=Cafe_and_Diner",
    ),
    kind(
        "海鲜=seafood",
        "dining",
        price=(160, 0.5),
        share=5,
        also="海鲜餐厅=seafood_restaurant 海鲜大排档=seafood_stall 鱼鲜=fresh_fish",
        items="清蒸石斑=steamed_grouper 生蚝=oysters 蒜蓉扇贝=garlic_scallops "
        "避风塘炒蟹=typhoon_shelter_crab 白灼虾=boiled_shrimp 海胆蒸蛋=sea_urchin_custard "
        "花甲=clams 皮皮虾=mantis_shrimp 鱿鱼=squid 鲍鱼=abalone 海鲜粥=seafood_congee "
        "刺身拼盘=sashimi_platter 沙虫=peanut_worms",
        tags="海景=sea_view 现捞=fresh_catch 聚餐=group_dining 宵夜=late_night "
        "商务宴请=business_dinner 本地特色=local_specialty 露台=terrace",
        suffixes="海鲜=Seafood 渔港=Fishing_Harbour 海鲜大排档=Seafood_Stall "
        "海鲜酒楼=Seafood_Restaurant",
    ),
    kind(
        "烧烤=barbecue",
        "dining",
        price=(62, 0.4),
        share=5,
        also="烤串=skewers 撸串=BBQ 烤肉=grilled_meat",
        items="羊肉串=lamb_skewers 烤生蚝=grilled_oysters 烤茄子=grilled_eggplant "
        "鸡翅=chicken_wings 五花肉=pork_belly 烤韭菜=grilled_chives 牛板筋=beef_tendon "
        "烤鱼=grilled_fish 烤鱿鱼=grilled_squid 掌中宝=chicken_cartilage 烤馒头=grilled_buns "
        "鱿鱼=squid",
        tags="宵夜=late_night 露台=terrace 啤酒=beer 聚餐=group_dining 炭火=charcoal "
        "实惠=good_value 麻辣=spicy",
        suffixes="烧烤=BBQ 烤肉=Grill 串吧=Skewer_Bar 炭火烧烤=Charcoal_Grill",
    ),
    kind(
        "日本料理=Japanese_food",
        "dining",
        price=(150, 0.5),
        share=3,
        also="日料=Japanese_restaurant 寿司=sushi 居酒屋=izakaya",
        items="三文鱼刺身=salmon_sashimi 寿喜烧=sukiyaki 拉面=ramen 天妇罗=tempura "
        "鳗鱼饭=eel_rice 刺身拼盘=sashimi_platter 章鱼烧=takoyaki 味噌汤=miso_soup "
        "手卷=hand_roll 和牛=wagyu 玉子烧=tamagoyaki 抹茶=matcha",
        tags="约会=date_night 精致=refined 安静=quiet 放题=all_you_can_eat 清酒=sake "
        "包间=private_room 商务宴请=business_dinner",
        suffixes="日本料理=Japanese_Dining 寿司=Sushi 居酒屋=Izakaya 拉面=Ramen",
    ),
    kind(
        "西餐=Western_food",
        "dining",
        price=(140, 0.5),
        share=3,
        also="西餐厅=Western_restaurant 牛排馆=steakhouse 意大利菜=Italian_food",
        items="牛排=steak 意面=pasta 披萨=pizza 凯撒沙拉=Caesar_salad 汉堡=burger 烩饭=risotto "
        "奶油蘑菇汤=cream_of_mushroom_soup 提拉米苏=tiramisu 烤羊排=lamb_chops 薯条=fries "
        "海鲜饭=paella 可丽饼=crepe",
        tags="约会=date_night 早午餐=brunch 露台=terrace 海景=sea_view 精致=refined "
        "素食可选=vegetarian_options 亲子=kid_friendly",
        suffixes="西餐厅=Dining_Room 牛排馆=Steakhouse 小馆=Bistro 餐吧=Kitchen_and_Bar",
    ),
    kind(
        "面馆=noodles",
        "dining",
        price=(24, 0.35),
        share=5,
        also="面条=noodle_shop 拉面馆=noodle_house 粉面=rice_noodles",
        items="牛肉面=beef_noodles 炸酱面=zhajiang_noodles 刀削面=knife-cut_noodles "
        "担担面=dandan_noodles 米线=rice_noodles 酸辣粉=hot_and_sour_noodles 拉面=ramen "
        "馄饨=wonton 凉皮=cold_skin_noodles 热干面=hot_dry_noodles 螺蛳粉=snail_rice_noodles "
        "海鲜面=seafood_noodles",
        tags="实惠=good_value 快餐=fast_food 早餐=breakfast 一人食=solo_dining "
        "老字号=long_established 家常=home_style 二十四小时=24_hours",
        suffixes="面馆=Noodles 牛肉面=Beef_Noodle 粉面=Noodle_Bar 面庄=Noodle_House",
    ),
    kind(
        "小吃=street_snacks",
        "dining",
        price=(18, 0.4),
        share=5,
        also="小吃店=snack_bar 夜市小吃=street_food 早点=breakfast",
        items="煎饼=jianbing 包子=steamed_buns 锅贴=potstickers 生煎=pan-fried_buns "
        "肉夹馍=rougamo 臭豆腐=stinky_tofu 章鱼烧=takoyaki 馄饨=wonton 炸鸡=fried_chicken "
        "卤味=braised_snacks 海蛎煎=oyster_omelette 烧饼=sesame_flatbread 豆花=tofu_pudding",
        tags="早餐=breakfast 实惠=good_value 外带=takeaway 本地特色=local_specialty "
        "宵夜=late_night 快餐=fast_food 排队=worth_the_queue",
        suffixes="小吃=Snacks 小吃店=Snack_Bar 早点铺=Breakfast 铺子=Street_Kitchen",
    ),
    kind(
        "咖啡馆=cafe",
        "dining",
        price=(34, 0.3),
        share=6,
        also="咖啡=coffee 咖啡店=coffee_shop 咖啡厅=café",
        items="拿铁=latte 手冲=pour_over 美式=americano 冷萃=cold_brew 澳白=flat_white "
        "摩卡=mocha 可颂=croissant 巴斯克蛋糕=basque_cheesecake 司康=scone 抹茶=matcha "
        "燕麦拿铁=oat_latte 贝果=bagel 提拉米苏=tiramisu",
        tags="安静=quiet 可办公=laptop_friendly 无线网=wifi 宠物友好=pet_friendly 露台=terrace "
        "约会=date_night 早午餐=brunch 海景=sea_view",
        suffixes="咖啡馆=Café 咖啡=Coffee 咖啡烘焙所=Coffee_Roasters 咖啡屋=Coffee_House",
    ),
    kind(
        "茶饮=tea_drinks",
        "dining",
        price=(17, 0.25),
        share=5,
        also="奶茶=milk_tea 奶茶店=bubble_tea 果茶=fruit_tea",
        items="珍珠奶茶=pearl_milk_tea 杨枝甘露=mango_pomelo_sago 柠檬茶=lemon_tea "
        "芋泥奶茶=taro_milk_tea 抹茶=matcha 桃桃果茶=peach_fruit_tea "
        "青提茉莉=green_grape_jasmine 烧仙草=grass_jelly 椰汁西米=coconut_sago "
        "桂花乌龙=osmanthus_oolong",
        tags="外带=takeaway 少糖=low_sugar 鲜果=fresh_fruit 排队=worth_the_queue "
        "学生优惠=student_discount 拍照=photogenic",
        suffixes="茶饮=Tea 奶茶=Milk_Tea 手作茶=Handmade_Tea 茶铺=Tea_Bar",
    ),
    kind(
        "甜品面包=bakery",
        "dining",
        price=(32, 0.4),
        share=4,
        also="面包店=bread 甜品店=dessert 蛋糕店=cake_shop",
        items="可颂=croissant 贝果=bagel 吐司=toast 巴斯克蛋糕=basque_cheesecake 蛋挞=egg_tart "
        "泡芙=cream_puff 双皮奶=milk_pudding 生日蛋糕=birthday_cake 芒果班戟=mango_pancake "
        "豆花=tofu_pudding 菠萝包=pineapple_bun 提拉米苏=tiramisu 雪花酥=nougat_crisps",
        tags="少糖=low_sugar 外带=takeaway 早餐=breakfast 拍照=photogenic 手工=handmade "
        "亲子=kid_friendly",
        suffixes="烘焙=Bakery 甜品=Desserts 面包房=Bread_House 蛋糕=Cakes",
    ),
    kind(
        "酒吧=bar",
        "dining",
        price=(88, 0.45),
        share=3,
        also="清吧=lounge 精酿=craft_beer 小酒馆=pub",
        items="精酿啤酒=craft_beer 金汤力=gin_and_tonic 莫吉托=mojito 威士忌=whisky "
        "红酒=red_wine 薯条=fries 炸鸡=fried_chicken 古典鸡尾酒=old_fashioned "
        "无酒精特调=mocktail 清酒=sake",
        tags="宵夜=late_night 驻唱=live_music 露台=terrace 海景=sea_view 约会=date_night "
        "安静=quiet 看球=sports_screen",
        suffixes="酒吧=Bar 小酒馆=Tavern 精酿=Taproom 酒馆=Pub",
    ),
)
