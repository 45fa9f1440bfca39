// Where a search's time went: stages one after the other, channels side by side within recall.
import { hue } from "./channels.js";
import { ms, whole } from "./figures.js";
import { html, names } from "./view.js";
import { t } from "./words.js";

export function Waterfall({ answer }) {
  const { timings_ms: timings, channels, took_ms: took } = answer;
  const total = Math.max(took, ...channels.map((it) => it.elapsed_ms));
  let begun = 0;
  const rows = Object.entries(timings).flatMap(([stage, elapsed]) => {
    const from = begun;
    begun += elapsed;
    const row = { name: t(stage === "rank" ? "stage.rank" : stage), from, elapsed };
    return stage === "recall" ? [row, ...channels.map((it) => calledAt(it, from))] : [row];
  });
  return html`<section class="waterfall"><h3>${t("timing")}
      <span>${t("tookMs", ms(took))}</span></h3>
    <table><tbody>${rows.map((row) => html`<tr key=${row.name} class=${names(row.channel && "inner")}>
      <th scope="row">${row.name}</th>
      <td><span class="track" aria-hidden="true"><i class=${row.channel && hue(row.channel)}
        style=${{ left: share(row.from, total), width: share(row.elapsed, total) }}></i></span></td>
      <td class="number">${row.status === "ok" || !row.status ? ms(row.elapsed) : t(row.status)}</td>
      <td class="number hint">${row.hits === undefined ? "" : whole(row.hits)}</td>
    </tr>`)}</tbody></table>
  </section>`;
}

function calledAt({ name, status, hits, elapsed_ms: elapsed }, from) {
  return { name, channel: name, status, hits, elapsed, from };
}

const share = (part, total) => `${Math.min(100, (100 * part) / (total || 1))}%`;
