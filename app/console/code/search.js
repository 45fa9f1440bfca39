// The search: box, asker, filters, results, and beside them where they lie and what they took.
import { bodyOf } from "./address.js";
import * as api from "./api.js";
import { Person, Place } from "./asker.js";
import { useAnswer } from "./asking.js";
import { Box } from "./box.js";
import { Drawer } from "./drawer.js";
import { Facets } from "./facets.js";
import { ms, shortId, whole } from "./figures.js";
import { PlaceMap } from "./map.js";
import { Degraded, Refused } from "./notices.js";
import { Result } from "./result.js";
import { html, useEffect, useState } from "./view.js";
import { useIsWide } from "./wide.js";
import { Waterfall } from "./waterfall.js";
import { t } from "./words.js";

const PAGE = 10;

export function SearchView({ facts, asked, go, askKey, keyChanges }) {
  const body = { ...bodyOf(asked), limit: PAGE, highlights: true, facets: fieldsOf(facts) };
  const key = JSON.stringify(body);
  const state = useAnswer(key, (signal) => api.search(body, signal));
  const [further, setFurther] = useState([]);
  const [opened, setOpened] = useState(null);
  useEffect(() => setFurther([]), [state.answer]);
  const change = (changes) => go("search", { ...asked, ...changes });
  const pages = state.answer ? [state.answer, ...further] : [];
  const results = pages.flatMap((page) => page.results);
  return html`
    <div class="asking">
      <${Box} text=${asked.q} completes=${facts.calls.includes("/v1/suggest")} ...${asked}
        onSearch=${(q) => change({ q })} />
      <div class="pills">
        <${Person} key=${asked.user} user=${asked.user} choose=${(user) => change({ user })} />
        <${Place} key=${asked.place} ...${asked} choose=${(place, radius) => change({ place, radius })} />
        <${Sort} facts=${facts} asked=${asked} change=${change} />
      </div>
    </div>
    ${state.refusal && html`<${Refused} refusal=${state.refusal} askKey=${askKey} />`}
    ${state.answer && html`<div class="columns" aria-busy=${String(state.waiting)}>
      <${Aside} kind="narrow" title=${t("filters")} count=${Object.keys(asked.filters).length}>
        <${Facets} facts=${facts} filters=${asked.filters} counted=${state.answer.facets || {}}
          change=${(filters) => change({ filters })} />
      <//>
      <section class="found">
        <${Summary} answer=${state.answer} change=${change} />
        <ol class="results">${results.map((result) => html`<${Result} key=${result.id}
          result=${result} why=${setOpened} />`)}</ol>
        <${More} pages=${pages} shown=${results.length} deepest=${facts.deepest} body=${body}
          add=${(page) => setFurther([...further, page])} />
      </section>
      <${Aside} kind="beside" title=${t("place")} at=${asked.place}>
        ${facts.dots.length > 0 && html`<figure>
          <${PlaceMap} dots=${facts.dots} results=${results} ...${asked}
            pick=${(place) => change({ place })} />
          <figcaption class="hint">${t("placeHint")}</figcaption></figure>`}
        <${Waterfall} answer=${state.answer} />
      <//>
    </div>`}
    <${Drawer} result=${opened} body=${bodyOf(asked)} close=${() => setOpened(null)}
      askKey=${askKey} keyChanges=${keyChanges} />`;
}

/** What is beside the results on a wide page, and folded above them on a narrow one. */
function Aside({ kind, title, count, children }) {
  const isWide = useIsWide();
  const label = count ? `${title} (${count})` : title;
  if (isWide) return html`<aside class=${kind} aria-label=${label}>${children}</aside>`;
  return html`<details class=${`${kind} folded`}><summary>${label}</summary>${children}</details>`;
}

function Summary({ answer, change }) {
  const { query, total, total_relation: relation, took_ms: took, release_id: release } = answer;
  const count = t(relation === "gte" ? "resultsAtLeast" : "results", whole(total));
  const order = release ? t("rankedBy", shortId(release)) : t("fused");
  return html`<div class="summary" role="status">
    <p><strong>${count}</strong> · ${t("tookMs", ms(took))} · <span title=${release}>${order}</span></p>
    ${query.corrected && html`<p>${t("corrected", query.corrected)}</p>`}
    ${query.relaxed && html`<p>${t("relaxed")}</p>`}
    <${Degraded} reasons=${answer.degraded} />
    ${answer.results.length === 0 && html`<div class="empty"><p>${t("none")}</p>
      <p class="hint">${t("noneHint")}</p></div>`}
  </div>`;
}

function Sort({ facts, asked, change }) {
  const orders = facts.numbers.flatMap((field) => [
    [field, t("lowest", t(field))], [`-${field}`, t("highest", t(field))],
  ]);
  const offered = [["", t("byRelevance")], ...(asked.place ? [["distance", t("nearest")]] : []), ...orders];
  return html`<label class="sort"><small>${t("sort")}</small>
    <select onChange=${(event) => change({ sort: event.target.value })}>
      ${offered.map(([value, said]) => html`<option key=${value} value=${value}
        selected=${value === asked.sort}>${said}</option>`)}</select></label>`;
}

/** The next page by its offset, not by a cursor: a cursor's pages no longer know the channels. */
function More({ pages, shown, deepest, body, add }) {
  const [waiting, setWaiting] = useState(false);
  const [refusal, setRefusal] = useState(null);
  const isWhole = pages.at(-1)?.results.length === PAGE;
  const onClick = async () => {
    setWaiting(true);
    const { facets, ...rest } = body; // they were counted with the first page
    await api.search({ ...rest, offset: shown }).then(add, setRefusal);
    setWaiting(false);
  };
  if (refusal) return html`<${Refused} refusal=${refusal} />`;
  const hasMore = isWhole && shown < pages[0].total && shown + PAGE <= deepest;
  return hasMore && html`<button class="more" disabled=${waiting} onClick=${onClick}>${t("more")}</button>`;
}

const fieldsOf = (facts) => [...facts.keywords, ...facts.numbers];
