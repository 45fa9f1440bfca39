// How the service is now: ready or not, what serves, how much it does, what answers lacked.
import * as api from "./api.js";
import { Badge } from "./channels.js";
import { ms, shortId, whole } from "./figures.js";
import { most, rate, read, sum, summed } from "./metrics.js";
import { Loading, Refused } from "./notices.js";
import { html, names, useEffect, useState } from "./view.js";
import { t } from "./words.js";

const EVERY_MS = 2000;

export function HealthView() {
  const { ready, problem, now, before } = useHealth();
  if (!now && !problem) return html`<${Loading} />`;
  return html`
    <header class="title-row"><h1>${t("health")}</h1>
      <p class=${names("state", ready ? "good" : "bad")} role="status">${t(ready ? "isReady" : "notReady")}</p></header>
    ${problem && html`<${Refused} refusal=${problem} />`}
    ${now && html`<${Tiles} now=${now} before=${before} ready=${ready} />
      <div class="pair-wide"><${Stages} now=${now} /><${Channels} now=${now} /></div>
      <${Lacks} now=${now} />
      <p class="hint">${t("sinceStart")}</p>`}`;
}

/** Ask again every two seconds while the page is looked at. */
function useHealth() {
  const [state, setState] = useState({});
  useEffect(() => {
    let isOpen = true;
    const ask = async () => {
      if (document.hidden) return;
      const [ready, page] = await Promise.allSettled([api.ready(), api.metrics()]);
      if (!isOpen) return;
      setState((last) => ({
        ready: ready.value,
        problem: ready.reason || page.reason || null,
        now: page.value ? { at: performance.now(), metrics: read(page.value) } : last.now,
        before: last.now,
      }));
    };
    ask();
    const timer = setInterval(ask, EVERY_MS);
    return () => {
      isOpen = false;
      clearInterval(timer);
    };
  }, []);
  return state;
}

function Tiles({ now, before, ready }) {
  const metrics = now.metrics;
  const newer = most(metrics, "duolu_overlay_rows", { kind: "rows" }) ?? 0;
  const tiles = [
    [t("documents"), whole(most(metrics, "duolu_snapshot_documents")), shortId(ready?.snapshot_id)],
    [t("release"), shortId(ready?.release_id), ready?.release_id ? "" : t("fused")],
    [t("perSecond"), rate(now, before, "duolu_requests_total"), ""],
    [t("inFlight"), whole(sum(metrics, "duolu_searches_in_flight")),
      t("ofLimit", whole(sum(metrics, "duolu_in_flight_limit")))],
    [t("shed"), whole(sum(metrics, "duolu_shed_total")), ""],
    [t("newer"), whole(newer), `${t("logSeq")} ${whole(most(metrics, "duolu_log_seq"))}`],
  ];
  return html`<dl class="tiles">${tiles.map(([name, value, more]) => html`<div key=${name}>
    <dt>${name}</dt><dd>${value}</dd><dd class="hint">${more}</dd></div>`)}</dl>`;
}

function Stages({ now: { metrics } }) {
  const times = summed(metrics, "duolu_stage_seconds_sum", "stage");
  const counts = summed(metrics, "duolu_stage_seconds_count", "stage");
  const rows = [...times].map(([stage, seconds]) => [stage, (1e3 * seconds) / (counts.get(stage) || 1)]);
  const slowest = Math.max(...rows.map(([, mean]) => mean), 1e-9);
  return html`<section><h2>${t("stages")}</h2><table class="stages">
    <thead><tr><th></th><th></th><th class="number">${t("meanMs")}</th></tr></thead>
    <tbody>${rows.map(([stage, mean]) => html`<tr key=${stage}>
      <th scope="row">${t(stage === "rank" ? "stage.rank" : stage)}</th>
      <td><span class="track" aria-hidden="true"><i style=${{ width: `${(100 * mean) / slowest}%` }}></i></span></td>
      <td class="number">${ms(mean)}</td></tr>`)}</tbody></table></section>`;
}

function Channels({ now: { metrics } }) {
  const calls = summed(metrics, "duolu_channel_total", "channel", "status");
  const channels = [...new Set([...calls.keys()].map((key) => key.split(" ")[0]))];
  const statuses = ["ok", "skipped", "timed_out", "failed"];
  const count = (channel, status) => calls.get(`${channel} ${status}`) ?? 0;
  return html`<section><h2>${t("channels")}</h2><table>
    <thead><tr><th></th>${statuses.map((it) => html`<th key=${it} class="number">${t(it)}</th>`)}</tr></thead>
    <tbody>${channels.map((channel) => html`<tr key=${channel}><td><${Badge} channel=${channel} /></td>
      ${statuses.map((it) => html`<td key=${it} class="number">${whole(count(channel, it))}</td>`)}</tr>`)}</tbody>
  </table></section>`;
}

function Lacks({ now: { metrics } }) {
  const reasons = [...summed(metrics, "duolu_degraded_total", "reason")].filter(([, count]) => count > 0);
  return html`<section><h2>${t("lacks")}</h2>
    ${reasons.length === 0 ? html`<p class="hint">${t("whole")}</p>`
      : html`<table><tbody>${reasons.map(([reason, count]) => html`<tr key=${reason}>
          <td><code>${reason}</code></td><td class="number">${whole(count)}</td></tr>`)}</tbody></table>`}
  </section>`;
}
