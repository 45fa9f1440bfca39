// The page: its head, which view is open, and the settings that every view shares.
import * as api from "./api.js";
import { useAddress } from "./address.js";
import { CompareView } from "./compare.js";
import { Head } from "./head.js";
import { KeyDialog } from "./dialogs.js";
import { HealthView } from "./health.js";
import { ReleasesView } from "./releases.js";
import { SearchView } from "./search.js";
import { html, render, useEffect, useState } from "./view.js";
import { readLanguage, setLanguage, t } from "./words.js";

const PAGES = {
  search: SearchView, compare: CompareView, releases: ReleasesView, health: HealthView,
};
const EMPTY = {
  calls: [], channels: [], keywords: [], numbers: [], flags: [], dots: [], deepest: 0, needs_key: false,
};

function Console() {
  const [{ view, asked }, go] = useAddress();
  const [facts, setFacts] = useState(null);
  const [language, chooseLanguage] = useState(readLanguage);
  const [keyAsked, askKey] = useState(false);
  const [keyChanges, setKeyChanges] = useState(0);
  useEffect(() => {
    api.about().then(setFacts, () => setFacts(EMPTY));
  }, []);
  const speak = (chosen) => {
    setLanguage(chosen);
    chooseLanguage(chosen);
  };
  const Page = PAGES[view];
  const shared = { facts, asked, go, keyChanges, askKey: () => askKey(true) };
  return html`
    <a class="skip" href="#main" onClick=${focusMain}>${t("skip")}</a>
    <${Head} ...${{ view, asked, go, language, speak, askKey: () => askKey(true) }} />
    <main id="main" tabindex="-1">${facts ? html`<${Page} key=${view} ...${shared} />` : null}</main>
    <${KeyDialog} open=${keyAsked} close=${() => askKey(false)}
      kept=${() => setKeyChanges((changes) => changes + 1)} />`;
}

/** The address is ours to write: going to the content must not change it. */
function focusMain(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

setLanguage(readLanguage());
render(html`<${Console} />`, document.getElementById("console"));
