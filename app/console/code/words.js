// What the page says, in English and Chinese.
const LANGUAGE = "duolu.language";
export const LANGUAGES = { en: "English", zh: "中文" };

const WORDS = {
  search: ["Search", "搜索"],
  compare: ["Compare", "对比"],
  releases: ["Releases", "模型"],
  health: ["Health", "状态"],
  skip: ["Skip to the content", "跳到内容"],
  placeholder: ["Search the catalogue", "搜索目录"],
  clear: ["Clear", "清除"],
  language: ["Language", "语言"],
  theme: ["Appearance", "外观"],
  auto: ["Auto", "自动"],
  light: ["Light", "浅色"],
  dark: ["Dark", "深色"],
  settings: ["Settings", "设置"],
  key: ["Service key", "服务密钥"],
  keyHint: [
    "Sent as Authorization: Bearer with every call. Kept in this tab alone.",
    "每次请求以 Authorization: Bearer 发送，只保存在本标签页。",
  ],
  keep: ["Keep", "保存"],
  cancel: ["Cancel", "取消"],
  close: ["Close", "关闭"],
  person: ["Person", "用户"],
  anyone: ["Anyone", "匿名"],
  personHint: [
    "Search as this person: what they did before shapes the answer.",
    "以该用户的身份搜索：其历史行为会影响结果。",
  ],
  place: ["Place", "位置"],
  nowhere: ["No place", "未设置位置"],
  placeHint: ["Click to search from there.", "点击图上任意处，从那里搜索。"],
  anywhere: ["any distance", "不限距离"],
  within: ["within {0} km", "{0} 公里内"],
  latitude: ["Latitude", "纬度"],
  longitude: ["Longitude", "经度"],
  use: ["Use", "使用"],
  filters: ["Filters", "筛选"],
  clearAll: ["Clear all", "全部清除"],
  from: ["from", "最低"],
  to: ["to", "最高"],
  more: ["More results", "更多结果"],
  results: ["{0} results", "{0} 条结果"],
  resultsAtLeast: ["{0} results or more", "至少 {0} 条结果"],
  tookMs: ["{0} ms", "{0} 毫秒"],
  fused: ["order of the merged channels", "按融合得分排序"],
  rankedBy: ["ranked by {0}", "由 {0} 排序"],
  none: ["Nothing matches.", "没有匹配的结果。"],
  noneHint: ["Try fewer filters or other words.", "减少筛选条件，或换个说法。"],
  corrected: ["Searched for {0}.", "已改为搜索 {0}。"],
  insteadOf: ["Search {0} as typed", "仍搜索 {0}"],
  relaxed: ["Nothing matched everything, so some conditions were left out.", "没有完全匹配的结果，已放宽部分条件。"],
  degraded: ["This answer is not whole", "结果不完整"],
  sort: ["Sort", "排序"],
  byRelevance: ["Relevance", "相关度"],
  lowest: ["{0}, lowest first", "{0}从低到高"],
  highest: ["{0}, highest first", "{0}从高到低"],
  nearest: ["Nearest", "距离最近"],
  list: ["Results", "结果"],
  byChannel: ["By channel", "按通道"],
  byChannelHint: ["What each channel finds alone, in its own order.", "每个通道单独召回的结果，按通道自身的排序。"],
  onlyHere: ["only here", "仅此通道"],
  why: ["Why", "为什么"],
  whyThis: ["Why is this here?", "为什么出现在这里？"],
  foundBy: ["Found by", "召回通道"],
  channel: ["Channel", "通道"],
  rank: ["Place", "名次"],
  score: ["Score", "得分"],
  scoreOf: ["What makes the score", "得分构成"],
  startsAt: ["Starts at", "起点"],
  others: ["{0} other features", "其余 {0} 个特征"],
  noModel: ["No model ranked this: the order is that of the merged channels.", "没有模型参与排序：按融合得分排序。"],
  needsKey: ["This needs the service key.", "此操作需要服务密钥。"],
  enterKey: ["Enter the key", "输入密钥"],
  document: ["Document", "文档"],
  missing: ["missing", "缺失"],
  openAlone: ["Value", "取值"],
  timing: ["Where the time went", "耗时"],
  channels: ["Channels", "通道"],
  hits: ["hits", "命中"],
  unreachable: ["The service does not answer.", "服务没有响应。"],
  refused: ["The service refused this.", "服务拒绝了请求。"],
  outOfStock: ["out of stock", "无货"],
  yes: ["yes", "是"],
  no: ["no", "否"],
  loading: ["Loading", "加载中"],
  understand: ["understand", "理解"],
  recall: ["recall", "召回"],
  merge: ["merge", "融合"],
  "stage.rank": ["rank", "排序"],
  select: ["select", "选取"],
  price: ["price", "价格"],
  rating: ["rating", "评分"],
  popularity: ["popularity", "热度"],
  category: ["category", "类别"],
  brand: ["brand", "品牌"],
  tags: ["tags", "标签"],
  in_stock: ["in stock", "有货"],
  ok: ["ok", "正常"],
  skipped: ["skipped", "跳过"],
  timed_out: ["timed out", "超时"],
  failed: ["failed", "失败"],
};

let language = known(stored()) || guessed();

export const readLanguage = () => language;

export function setLanguage(chosen) {
  language = chosen;
  localStorage.setItem(LANGUAGE, chosen);
  document.documentElement.lang = chosen;
}

/** Say `key` in the language that is set, {0} and {1} filled in. Unknown words say themselves. */
export function t(key, ...given) {
  const said = Object.hasOwn(WORDS, key) ? WORDS[key][language === "zh" ? 1 : 0] : key;
  return said.replace(/\{(\d)\}/g, (_, i) => given[i]);
}

function stored() {
  return localStorage.getItem(LANGUAGE);
}

function known(name) {
  return Object.hasOwn(LANGUAGES, name) ? name : null;
}

function guessed() {
  return navigator.language.startsWith("zh") ? "zh" : "en";
}
