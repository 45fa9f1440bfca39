// What ranks: the releases with their figures, activating one, going back; and the snapshots.
import * as api from "./api.js";
import { useAnswer } from "./asking.js";
import { Confirm, Dialog } from "./dialogs.js";
import { isNumber, moment, shortId, whole } from "./figures.js";
import { Loading, Refused } from "./notices.js";
import { Report } from "./report.js";
import { html, names, useState } from "./view.js";
import { t } from "./words.js";

const METRICS = ["nDCG@10", "MRR", "AP", "R@100"];

export function ReleasesView({ askKey, keyChanges }) {
  const [changes, setChanges] = useState(0);
  const [wanted, setWanted] = useState(null);
  const [read, setRead] = useState(null);
  const key = `${keyChanges} ${changes}`;
  const { answer: found, refusal } = useAnswer(key, api.releases);
  const snapshots = useAnswer(key, api.snapshots);
  if (refusal) return html`<${Refused} refusal=${refusal} askKey=${askKey} />`;
  if (!found) return html`<${Loading} />`;
  const before = found.releases.find((it) => it.id === found.before);
  return html`
    <header class="title-row"><h1>${t("releases")}</h1>
      ${before && html`<button onClick=${() => setWanted({ ...before, isBack: true })}>
        ${t("rollBack")} → ${shortId(before.id)}</button>`}</header>
    ${found.releases.length === 0
      ? html`<p>${t("noReleases")}</p><p class="hint"><code>${t("trainHint")}</code></p>`
      : html`<${Releases} releases=${found.releases} choose=${setWanted} read=${setRead} />`}
    <h1>${t("snapshots")}</h1>
    ${snapshots.answer && html`<${Snapshots} snapshots=${snapshots.answer.snapshots} />`}
    <${Activation} wanted=${wanted} close=${() => setWanted(null)} askKey=${askKey}
      done=${() => setChanges(changes + 1)} />
    <${ReportDialog} id=${read} close=${() => setRead(null)} />`;
}

function Releases({ releases, choose, read }) {
  return html`<div class="wide-table"><table class="releases">
    <thead><tr><th>${t("release")}</th>
      ${METRICS.map((name, i) => html`<th key=${name} class=${names("number", i && "minor")}>${name}</th>`)}
      <th class="minor">${t("gate")}</th><th>${t("state")}</th><th></th></tr></thead>
    <tbody>${releases.map((it) => html`<tr key=${it.id} class=${names(it.serving && "serving")}>
      <${Version} ...${it} />
      ${METRICS.map((name, i) => html`<td key=${name} class=${names("number", i && "minor")}><${Figure} told=${it.metrics?.ranked?.[name]} /></td>`)}
      <td class="minor"><${Gate} gate=${it.gate} /></td>
      <td><${State} ...${it} /></td>
      <td class="actions"><button class="link" onClick=${() => read(it.id)}
          aria-label=${`${t("report")} ${shortId(it.id)}`}>${t("report")}</button>
        ${!it.serving && html`<button onClick=${() => choose(it)}
          aria-label=${`${t("activate")} ${shortId(it.id)}`}>${t("activate")}</button>`}</td>
    </tr>`)}</tbody></table></div>`;
}

function Version({ id, built_at_ms: built }) {
  return html`<td title=${id}><span class="mono">${shortId(id)}</span>
    <small class="interval">${isNumber(built) ? moment(built) : "–"}</small></td>`;
}

/** A mean with its interval: [mean, low, high]. */
function Figure({ told }) {
  if (!Array.isArray(told)) return "–";
  const [mean, low, high] = told.map((it) => (isNumber(it) ? it.toFixed(3) : "–"));
  return html`${mean}<small class="interval">${low}–${high}</small>`;
}

function Gate({ gate }) {
  if (!gate) return html`<span class="hint">${t("gateUnknown")}</span>`;
  return html`<span class=${names("state", gate.passed ? "good" : "warn")}
    title=${(gate.reasons || []).join("\n")}>${t(gate.passed ? "gatePassed" : "gateKept")}</span>`;
}

function State({ serving, ready, problem }) {
  if (problem) return html`<span class="state bad" title=${problem}>${t("problem")}</span>`;
  if (serving) return html`<span class="state good">${t("serving")}</span>`;
  return ready ? html`<span class="state">${t("ready")}</span>` : "–";
}

function Snapshots({ snapshots }) {
  return html`<div class="wide-table"><table>
    <thead><tr><th>${t("snapshot")}</th>
      <th class="number">${t("documents")}</th><th>${t("state")}</th></tr></thead>
    <tbody>${snapshots.map((it) => html`<tr key=${it.id} class=${names(it.serving && "serving")}>
      <${Version} ...${it} />
      <td class="number">${whole(it.documents)}</td><td><${State} ...${it} /></td></tr>`)}</tbody>
  </table></div>`;
}

/** Nothing changes before it was confirmed; one that the gate kept back takes a word more. */
function Activation({ wanted, close, done, askKey }) {
  const [force, setForce] = useState(false);
  const [refusal, setRefusal] = useState(null);
  const isKept = wanted?.gate?.passed === false;
  const end = () => {
    setForce(false);
    setRefusal(null);
    close();
  };
  const act = () => api.activate(wanted.id, force).then(() => {
    end();
    done();
  }, setRefusal);
  return html`<${Confirm} open=${wanted !== null} close=${end} act=${act} blocked=${isKept && !force}
      say=${t(wanted?.isBack ? "rollBack" : "activate")}
      title=${t(wanted?.isBack ? "rollBackThis" : "activateThis")}>
    <p>${t("activateSay", shortId(wanted?.id))}</p>
    ${isKept && html`<ul class="hint">${wanted.gate.reasons.map((it) => html`<li key=${it}>${it}</li>`)}</ul>
      <label class="choice"><input type="checkbox" checked=${force}
        onChange=${(event) => setForce(event.target.checked)} /> <span>${t("overrule")}</span></label>`}
    ${refusal && html`<${Refused} refusal=${refusal} askKey=${askKey} />`}
  <//>`;
}

function ReportDialog({ id, close }) {
  const { answer, refusal } = useAnswer(id, id && (() => api.release(id)));
  return html`<${Dialog} open=${id !== null} close=${close} kind="sheet wide" title=${t("report")}>
    ${refusal && html`<${Refused} refusal=${refusal} />`}
    ${answer?.id === id && html`<${Report} text=${answer.report || "–"} />`}
  <//>`;
}
