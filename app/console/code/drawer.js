// Why a document stands where it stands, or does not: what the whole search says of it alone.
import { explain } from "./api.js";
import { useAnswer } from "./asking.js";
import { Badge } from "./channels.js";
import { Contributions, Difference } from "./contributions.js";
import { Dialog } from "./dialogs.js";
import { short, signed, whole } from "./figures.js";
import { Degraded, Loading, Refused } from "./notices.js";
import { asText } from "./result.js";
import { html, useState } from "./view.js";
import { t } from "./words.js";

/** `opened`: { id, result } or null; a document that one misses has no result. */
export function Drawer({ opened, body, results, close, askKey, keyChanges }) {
  const title = t(opened && !opened.result ? "whyMissing" : "whyThis");
  return html`<${Dialog} open=${opened !== null} close=${close} kind="sheet" title=${title}>
    ${opened && html`<${Reasons} key=${opened.id} ...${opened} ...${{ body, results, askKey, keyChanges }} />`}
  <//>`;
}

function Reasons({ id, result, body, results, askKey, keyChanges }) {
  const [other, setOther] = useState("");
  const asked = { ...body, id, ...(other && { compare: other }) };
  const { answer, refusal } = useAnswer(`${other} ${keyChanges}`, (signal) => explain(asked, signal));
  return html`
    <p class="lead">${result ? result.document.title : id}</p>
    ${result?.reasons.length > 0 && html`<ul class="reasons">
      ${result.reasons.map((reason) => html`<li key=${reason}>${reason}</li>`)}</ul>`}
    ${refusal && html`<${Refused} refusal=${refusal} askKey=${askKey} />`}
    ${!answer && !refusal && html`<${Loading} />`}
    ${answer && html`<${Degraded} reasons=${answer.degraded} />
      <${Stage} ...${answer} />
      <${Meant} intent=${answer.query.intent} />
      <${Found} channels=${answer.channels} />
      <${Score} told=${answer} />
      <${Beside} ...${{ id, results, other, setOther, answer }} />`}
    ${result && html`<${Fields} shown=${result.document} />`}`;
}

/** The first stage that dropped it, in words and with the numbers. */
function Stage({ stage, detail }) {
  if (!stage) return null;
  return html`<div class="notice"><p><strong>${t(`stage.${stage}`)}</strong></p>
    ${detail && html`<p class="hint">${detail}</p>`}</div>`;
}

/** What people who typed this went on to choose, as far as the click log knows. */
function Meant({ intent }) {
  const fields = Object.entries(intent || {});
  if (!fields.length) return null;
  return html`<section><h3>${t("meant")}</h3><dl class="fields">
    ${fields.map(([name, { values }]) => html`<div key=${name}>
      <dt>${t(name)}</dt><dd>${values.map(asShare).join(" · ")}</dd></div>`)}
  </dl></section>`;
}

const asShare = ({ value, probability }) => `${value} ${Math.round(100 * probability)} %`;

function Found({ channels }) {
  const last = Number.MAX_SAFE_INTEGER;
  const rows = Object.entries(channels || {}).sort(([, a], [, b]) => (a.rank ?? last) - (b.rank ?? last));
  if (!rows.length) return null;
  return html`<section><h3>${t("foundBy")}</h3><table>
    <thead><tr><th>${t("channel")}</th><th class="number">${t("rank")}</th>
      <th class="number">${t("score")}</th></tr></thead>
    <tbody>${rows.map(([name, { rank, score, k, status }]) => html`<tr key=${name}>
      <td><${Badge} channel=${name} status=${status === "returned" ? "ok" : status} /></td>
      <td class="number">${whole(rank)} <small class="hint">${t("ofK", whole(k))}</small></td>
      <td class="number">${short(score)}</td></tr>`)}</tbody>
  </table></section>`;
}

function Score({ told }) {
  const isRanked = told.features?.length > 0;
  if (!isRanked && told.stage && told.score === undefined) return null;
  return html`<section><h3>${t("scoreOf")}</h3>
    ${isRanked ? html`<${Contributions} ...${told} />` : html`<p class="hint">${t("noModel")}</p>`}
  </section>`;
}

/** What sets it apart from another result of the page. */
function Beside({ id, results, other, setOther, answer }) {
  const others = results.filter((it) => it.id !== id);
  if (!others.length || !answer.features?.length) return null;
  return html`<section><h3>${t("beside")}</h3>
    <select class="field" aria-label=${t("beside")} onChange=${(event) => setOther(event.target.value)}>
      <option value="">${t("chooseOther")}…</option>
      ${others.map((it) => html`<option key=${it.id} value=${it.id} selected=${it.id === other}>
        ${it.rank}. ${it.document.title}</option>`)}</select>
    ${other && answer.difference?.length > 0 && html`
      <p class="hint">${t("differenceOf", signed(answer.score_difference))}</p>
      <${Difference} features=${answer.difference} total=${answer.score_difference} />`}
  </section>`;
}

function Fields({ shown }) {
  return html`<section><h3>${t("document")}</h3><dl class="fields">
    ${Object.entries(shown).map(([name, value]) => html`<div key=${name}>
      <dt>${name}</dt><dd>${asText(value)}</dd></div>`)}
  </dl></section>`;
}
