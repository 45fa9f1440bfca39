// What went wrong or is missing, in words, with what can be done about it.
import { html } from "./view.js";
import { t } from "./words.js";

/** A refusal of the service. One that needs the key offers to enter it. */
export function Refused({ refusal, askKey }) {
  if (refusal.status === 401) {
    return html`<div class="notice" role="alert"><p>${t("needsKey")}</p>
      <button onClick=${askKey}>${t("enterKey")}</button></div>`;
  }
  const title = t(refusal.status ? "refused" : "unreachable");
  return html`<div class="notice bad" role="alert">
    <p><strong>${title}</strong> ${refusal.message}</p>
    ${refusal.remedy ? html`<p class="hint">${refusal.remedy}</p>` : null}
  </div>`;
}

/** What an answer lacks, as `vector:timed_out`. */
export function Degraded({ reasons }) {
  if (!reasons.length) return null;
  return html`<div class="notice warn" role="status"><p>${t("degraded")}</p>
    <ul class="tags">${reasons.map((reason) => html`<li key=${reason}><code>${reason}</code></li>`)}</ul>
  </div>`;
}

/** Said only where waiting is long enough to be noticed (see the style). */
export const Loading = () => html`<p class="hint late">${t("loading")}…</p>`;
