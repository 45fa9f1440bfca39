// One query, two configurations, side by side: which results moved, came and went.
import { bodyOf, sideOf } from "./address.js";
import * as api from "./api.js";
import { Asking } from "./asker.js";
import { useAnswer } from "./asking.js";
import { Badge } from "./channels.js";
import { madeAt, ms, shortId, whole } from "./figures.js";
import { Degraded, Loading, Refused } from "./notices.js";
import { html, names } from "./view.js";
import { t } from "./words.js";

const SHOWN = 10;

export function CompareView({ facts, asked, go, askKey, keyChanges }) {
  const known = useAnswer(`releases ${keyChanges}`, api.releases);
  const change = (changes) => go("compare", { ...asked, ...changes });
  const [a, b] = asked.sides;
  const states = [useSide(asked, a), useSide(asked, b)];
  const choose = (i, side) => change({ sides: asked.sides.map((it, j) => (i === j ? sideOf(side) : it)) });
  return html`
    <${Asking} facts=${facts} asked=${asked} change=${change} />
    ${known.refusal && html`<${Refused} refusal=${known.refusal} askKey=${askKey} />`}
    <${Overlap} states=${states} />
    <div class="sides">${states.map((state, i) => html`<section key=${i} aria-label=${"AB"[i]}>
      <${Side} name=${"AB"[i]} side=${asked.sides[i]} facts=${facts}
        releases=${known.answer?.releases || []} choose=${(side) => choose(i, side)} />
      ${state.refusal && html`<${Refused} refusal=${state.refusal} askKey=${askKey} />`}
      ${!state.answer && state.waiting && html`<${Loading} />`}
      ${state.answer && html`<${List} answer=${state.answer} other=${states[1 - i].answer} />`}
    </section>`)}</div>`;
}

function useSide(asked, side) {
  const body = { ...bodyOf(asked), ...side, limit: SHOWN };
  return useAnswer(JSON.stringify(body), (signal) => api.search(body, signal));
}

/** What one side asks with: a release, and which channels. */
function Side({ name, side, facts, releases, choose }) {
  const chosen = side.channels || facts.channels;
  const toggle = (channel, on) => {
    const next = facts.channels.filter((it) => (it === channel ? on : chosen.includes(it)));
    choose({ ...side, channels: next.length === facts.channels.length ? [] : next });
  };
  return html`<div class="side"><h2>${name}</h2>
    <label><small>${t("release")}</small>
      <select class="field" onChange=${(event) => choose({ ...side, release: event.target.value })}>
        <option value="">${t("serves")}</option>
        ${releases.map(({ id }) => html`<option key=${id} value=${id} selected=${id === side.release}>
          ${shortId(id)} · ${madeAt(id)}</option>`)}</select></label>
    <div class="toggles" role="group" aria-label=${t("channels")}>${facts.channels.map((channel) => html`
      <label key=${channel} class="choice"><input type="checkbox" checked=${chosen.includes(channel)}
        onChange=${(event) => toggle(channel, event.target.checked)} />
        <${Badge} channel=${channel} /></label>`)}</div>
  </div>`;
}

function Overlap({ states }) {
  const [a, b] = states.map((state) => state.answer?.results.map((it) => it.id));
  if (!a || !b) return null;
  const shared = a.filter((id) => b.includes(id)).length;
  const isSame = a.length === b.length && a.every((id, i) => id === b[i]);
  const said = isSame ? t("sameOrder") : t("moved", shared, Math.max(a.length, b.length));
  return html`<p class="overlap" role="status">${said}</p>`;
}

function List({ answer, other }) {
  const places = other && new Map(other.results.map((it) => [it.id, it.rank]));
  const order = answer.release_id ? t("rankedBy", shortId(answer.release_id)) : t("fused");
  return html`<p class="hint">${t("results", whole(answer.total))} · ${t("tookMs", ms(answer.took_ms))} · ${order}</p>
    <${Degraded} reasons=${answer.degraded} />
    <ol class="moves">${answer.results.map((it) => html`<li key=${it.id}>
      <span class="place">${it.rank}</span>
      <span class="title">${it.document.title}</span>
      ${places && html`<${Move} from=${places.get(it.id)} to=${it.rank} />`}</li>`)}</ol>`;
}

/** How far a result stands above or below its place on the other side. */
function Move({ from, to }) {
  if (from === undefined) return html`<span class="move new" title=${t("newHere")}>${t("newHere")}</span>`;
  const by = from - to;
  if (!by) return html`<span class="move">=</span>`;
  return html`<span class=${names("move", by > 0 ? "up" : "down")}>${by > 0 ? "▲" : "▼"} ${Math.abs(by)}</span>`;
}
