// Why a result stands where it stands: who found it, what makes its score, what it is.
import { search } from "./api.js";
import { useAnswer } from "./asking.js";
import { Badge } from "./channels.js";
import { Contributions } from "./contributions.js";
import { Dialog } from "./dialogs.js";
import { short, whole } from "./figures.js";
import { Refused } from "./notices.js";
import { asText } from "./result.js";
import { html } from "./view.js";
import { t } from "./words.js";

const EXPLAINED = 50; // results that one search explains

/** `result` null: closed. `body`: the search that it came from. */
export function Drawer({ result, body, close, askKey, keyChanges }) {
  return html`<${Dialog} open=${result !== null} close=${close} kind="sheet" title=${t("whyThis")}>
    ${result && html`<${Reasons} ...${{ result, body, askKey, keyChanges }} />`}
  <//>`;
}

function Reasons({ result, body, askKey, keyChanges }) {
  const offset = Math.floor((result.rank - 1) / EXPLAINED) * EXPLAINED;
  const asked = { ...body, offset, limit: EXPLAINED, explain: true };
  const state = useAnswer(`${result.id} ${keyChanges}`, (signal) => search(asked, signal));
  const found = state.answer?.results.find((it) => it.id === result.id);
  return html`
    <p class="lead">${result.document.title}</p>
    ${result.reasons.length > 0 && html`<ul class="reasons">
      ${result.reasons.map((reason) => html`<li key=${reason}>${reason}</li>`)}</ul>`}
    <${Found} channels=${result.channels} />
    <section><h3>${t("scoreOf")}</h3>
      ${state.refusal && html`<${Refused} refusal=${state.refusal} askKey=${askKey} />`}
      ${state.waiting && !found && html`<p class="hint">${t("loading")}…</p>`}
      ${found && !found.explain && html`<p class="hint">${t("noModel")}</p>`}
      ${found?.explain && html`<${Contributions} score=${found.score} ...${found.explain} />`}
    </section>
    <${Fields} shown=${result.document} />`;
}

function Found({ channels }) {
  const rows = Object.entries(channels).sort(([, a], [, b]) => a.rank - b.rank);
  if (!rows.length) return null;
  return html`<section><h3>${t("foundBy")}</h3><table>
    <thead><tr><th>${t("channel")}</th><th class="number">${t("rank")}</th>
      <th class="number">${t("score")}</th></tr></thead>
    <tbody>${rows.map(([name, { rank, score }]) => html`<tr key=${name}>
      <td><${Badge} channel=${name} /></td><td class="number">${whole(rank)}</td>
      <td class="number">${short(score)}</td></tr>`)}</tbody>
  </table></section>`;
}

function Fields({ shown }) {
  return html`<section><h3>${t("document")}</h3><dl class="fields">
    ${Object.entries(shown).map(([name, value]) => html`<div key=${name}>
      <dt>${name}</dt><dd>${asText(value)}</dd></div>`)}
  </dl></section>`;
}
