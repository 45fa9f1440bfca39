// One result: what it is, what matched, who found it, and a way to ask why.
import { Badge } from "./channels.js";
import { distance, isNumber, short } from "./figures.js";
import { html } from "./view.js";
import { t } from "./words.js";

export function Result({ result, why }) {
  const { document: shown, highlights = {} } = result;
  return html`<li class="result">
    <span class="place" aria-hidden="true">${result.rank}</span>
    <article>
      <h3><button class="title" onClick=${() => why(result)}>
        <${Marked} text=${shown.title} found=${highlights.title} /></button></h3>
      <${Meta} shown=${shown} km=${result.distance_km} />
      ${shown.text ? html`<p class="text"><${Marked} text=${shown.text} found=${highlights.text} /></p>` : null}
      ${result.reasons.length > 0 && html`<ul class="reasons">
        ${result.reasons.map((reason) => html`<li key=${reason}>${reason}</li>`)}</ul>`}
      <footer>
        <${Channels} channels=${result.channels} />
        <button class="link" onClick=${() => why(result)}
          aria-label=${`${t("why")}: ${shown.title}`}>${t("why")}</button>
      </footer>
    </article>
  </li>`;
}

export function Channels({ channels }) {
  const inOrder = Object.entries(channels).sort(([, a], [, b]) => a.rank - b.rank);
  return html`<ul class="badges">${inOrder.map(([name, { rank }]) => html`<li key=${name}>
    <${Badge} channel=${name} rank=${rank} /></li>`)}</ul>`;
}

function Meta({ shown, km }) {
  const said = [
    asText(shown.category),
    asText(shown.brand),
    isNumber(shown.price) && `${t("price")} ${short(shown.price)}`,
    isNumber(shown.rating) && `★ ${short(shown.rating)}`,
    isNumber(km) && distance(km),
    shown.in_stock === false && t("outOfStock"),
  ].filter(Boolean);
  return html`<ul class="meta">${said.map((word) => html`<li key=${word}>${word}</li>`)}</ul>`;
}

/** Text with the stretches that matched marked. Ranges count code points. */
export function Marked({ text, found }) {
  if (!found?.ranges?.length) return asText(text);
  const points = [...found.text];
  const parts = [];
  let end = 0;
  for (const [from, to] of found.ranges) {
    parts.push(points.slice(end, from).join(""), html`<mark>${points.slice(from, to).join("")}</mark>`);
    end = to;
  }
  return html`${parts}${points.slice(end).join("")}`;
}

/** Catalogues hold what they like under any key; the page shows it as text. */
export function asText(value) {
  if (value === undefined || value === null) return "";
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (Array.isArray(value)) return value.map(asText).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
