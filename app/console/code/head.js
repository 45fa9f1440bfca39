// The head of the page: where one can go, and how the page looks and speaks.
import { VIEWS, addressOf } from "./address.js";
import { html, useEffect, useState } from "./view.js";
import { LANGUAGES, t } from "./words.js";

const THEME = "duolu.theme";
const THEMES = ["auto", "light", "dark"];

export function Head({ view, asked, language, speak, askKey }) {
  return html`<header class="head">
    <a class="brand" href=${addressOf("search", {})} aria-label="Duolu">
      <img src="console/mark.svg" alt="" width="26" height="26" />
      <span>Duolu</span><span class="brand-zh" lang="zh">多路</span>
    </a>
    <nav>${VIEWS.map((name) => html`<a key=${name} href=${addressOf(name, asked)}
      aria-current=${name === view ? "page" : null}>${t(name)}</a>`)}</nav>
    <div class="head-tools">
      <${Theme} />
      <button class="quiet" lang=${language === "en" ? "zh" : "en"} onClick=${() => speak(other(language))}
        >${LANGUAGES[other(language)]}</button>
      <button class="quiet" onClick=${askKey}>${t("key")}</button>
    </div>
  </header>`;
}

const other = (language) => (language === "en" ? "zh" : "en");

/** Auto, light, dark, and around again. */
function Theme() {
  const [theme, setTheme] = useState(() => localStorage.getItem(THEME) || THEMES[0]);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(THEME, theme);
  }, [theme]);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  return html`<button class="quiet" onClick=${() => setTheme(next)}
    aria-label=${`${t("theme")}: ${t(theme)}`}>${t(theme)}</button>`;
}
