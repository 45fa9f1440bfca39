// The search: box, asker, filters, results, and beside them where they lie and what they took.
import { bodyOf } from "./address.js";
import * as api from "./api.js";
import { Asking } from "./asker.js";
import { useAnswer } from "./asking.js";
import { ByChannel } from "./columns.js";
import { Drawer } from "./drawer.js";
import { Facets } from "./facets.js";
import { ms, shortId, whole } from "./figures.js";
import { PlaceMap } from "./map.js";
import { Degraded, Loading, Refused } from "./notices.js";
import { Result } from "./result.js";
import { html, useEffect, useState } from "./view.js";
import { useIsWide } from "./wide.js";
import { Waterfall } from "./waterfall.js";
import { t } from "./words.js";

const PAGE = 10;

export function SearchView({ facts, asked, go, askKey, keyChanges }) {
  const body = { ...bodyOf(asked), limit: PAGE, highlights: true, facets: facts.facets };
  const key = JSON.stringify(body);
  const state = useAnswer(key, (signal) => api.search(body, signal));
  const [further, setFurther] = useState({ of: null, pages: [] }); // behind one answer alone
  const [opened, setOpened] = useState(null);
  const more = further.of === state.answer ? further.pages : [];
  const change = (changes) => go("search", { ...asked, ...changes });
  const open = (id, result = null) => setOpened({ id, result });
  const pages = state.answer ? [state.answer, ...more] : [];
  const results = pages.flatMap((page) => page.results);
  return html`
    <${Asking} facts=${facts} asked=${asked} change=${change} withSort />
    ${state.refusal && html`<${Refused} refusal=${state.refusal} askKey=${askKey} />`}
    ${!state.answer && state.waiting && html`<${Loading} />`}
    ${state.answer && html`<div class="columns" aria-busy=${String(state.waiting)}>
      <${Aside} kind="narrow" title=${t("filters")} count=${Object.keys(asked.filters).length}>
        <${Facets} facts=${facts} filters=${asked.filters} counted=${state.answer.facets || {}}
          change=${(filters) => change({ filters })} />
      <//>
      <section class="found">
        <${Summary} answer=${state.answer} asked=${asked} change=${change} />
        ${asked.by === "channel"
          ? html`<${ByChannel} ...${{ facts, body, answer: state.answer, why: open }} />`
          : html`<ol class="results">${results.map((result) => html`<${Result} key=${result.id}
              result=${result} why=${() => open(result.id, result)} />`)}</ol>
            <${More} key=${state.answer.request_id} pages=${pages} shown=${results.length}
              deepest=${facts.deepest} body=${body} outdated=${state.waiting} askKey=${askKey}
              add=${(page) => setFurther({ of: state.answer, pages: [...more, page] })} />
            <${WhyNot} ask=${open} />`}
      </section>
      <${Aside} kind="beside" title=${t("place")} at=${asked.place}>
        ${facts.dots.length > 0 && html`<figure>
          <${PlaceMap} dots=${facts.dots} results=${results} ...${asked}
            pick=${(place) => change({ place })} />
          <figcaption class="hint">${t("placeHint")}</figcaption></figure>`}
        <${Waterfall} answer=${state.answer} />
      <//>
    </div>`}
    <${Drawer} opened=${opened} body=${{ ...bodyOf(asked), limit: Math.max(PAGE, results.length) }}
      results=${results} close=${() => setOpened(null)} askKey=${askKey} keyChanges=${keyChanges} />`;
}

/** What is beside the results on a wide page, and folded above them on a narrow one. */
function Aside({ kind, title, count, children }) {
  const isWide = useIsWide();
  const label = count ? `${title} (${count})` : title;
  if (isWide) return html`<aside class=${kind} aria-label=${label}>${children}</aside>`;
  return html`<details class=${`${kind} folded`}><summary>${label}</summary>${children}</details>`;
}

function Summary({ answer, asked, change }) {
  const { query, total, total_relation: relation, took_ms: took, release_id: release } = answer;
  const count = t(relation === "gte" ? "resultsAtLeast" : "results", whole(total));
  const order = release ? t("rankedBy", shortId(release)) : t("fused");
  return html`<div class="summary">
    <p role="status"><strong>${count}</strong> · ${t("tookMs", ms(took))} · <span title=${release}>${order}</span></p>
    <div class="tabs">${["", "channel"].map((by) => html`<button key=${by}
      aria-pressed=${String(asked.by === by)} onClick=${() => change({ by })}>
      ${t(by ? "byChannel" : "list")}</button>`)}</div>
  </div>
  ${query.corrected && html`<p class="hint">${t("corrected", query.corrected)}</p>`}
  ${query.relaxed && html`<p class="hint">${t("relaxed", query.relaxed.join(", "))}</p>`}
  ${query.empty_because && html`<p class="hint">${t("none")} <code>${query.empty_because}</code></p>`}
  <${Degraded} reasons=${answer.degraded} />
  ${answer.results.length === 0 && html`<div class="empty"><p>${t("none")}</p>
    <p class="hint">${t("noneHint")}</p></div>`}`;
}

/** Ask of a document that one expected here. */
function WhyNot({ ask }) {
  const onSubmit = (event) => {
    event.preventDefault();
    const id = new FormData(event.target).get("id").trim();
    if (id) ask(id);
  };
  return html`<form class="why-not" onSubmit=${onSubmit}><label>${t("missingOne")}
    <input class="field" name="id" placeholder=${t("documentId")} autocomplete="off" spellcheck="false" /></label>
    <button>${t("whyNot")}</button></form>`;
}

/**
 * The next page by its offset, not by a cursor: a cursor's pages no longer know the channels.
 * It is called off with the answer that it belongs to. `outdated`: another answer is on its way.
 */
function More({ pages, shown, deepest, body, outdated, add, askKey }) {
  const [waiting, setWaiting] = useState(false);
  const [refusal, setRefusal] = useState(null);
  const [leaving] = useState(() => new AbortController());
  useEffect(() => () => leaving.abort(), []);
  const isWhole = pages.at(-1)?.results.length === PAGE;
  const onClick = async () => {
    setWaiting(true);
    setRefusal(null);
    const { facets, ...rest } = body; // they were counted with the first page
    await api.search({ ...rest, offset: shown }, leaving.signal).then(add, setRefusal);
    setWaiting(false);
  };
  const hasMore = isWhole && shown < pages[0].total && shown + PAGE <= deepest;
  return html`${refusal && html`<${Refused} refusal=${refusal} askKey=${askKey} />`}
    ${hasMore && html`<button class="more" disabled=${waiting || outdated} onClick=${onClick}>
      ${t("more")}</button>`}`;
}
