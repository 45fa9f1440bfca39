// What each feature adds to a score or takes from it: bars to both sides of a middle.
import { short, signed } from "./figures.js";
import { html, names } from "./view.js";
import { t } from "./words.js";

const SHOWN = 12;

/** A score from where the model starts, feature by feature. */
export function Contributions({ base_score: base, features, score }) {
  const rows = features.map(({ name, value, contribution }) => ({
    name, said: valueOf(value), by: contribution,
  }));
  return html`<${Bars} rows=${rows} start=${base} sum=${score} />`;
}

/** The difference of two scores, feature by feature, with the value that each has. */
export function Difference({ features, total }) {
  const rows = features.filter(({ difference }) => difference).map((feature) => ({
    name: feature.name,
    said: `${valueOf(feature.value)} · ${valueOf(feature.other)}`,
    by: feature.difference,
  }));
  return html`<${Bars} rows=${rows} sum=${total} />`;
}

/** `rows`: { name, said, by }, those that count most first. */
function Bars({ rows, start, sum }) {
  const shown = rows.slice(0, SHOWN);
  const others = rows.slice(SHOWN);
  const rest = others.reduce((total, row) => total + row.by, 0);
  const most = Math.max(...shown.map((row) => Math.abs(row.by)), Math.abs(rest), 1e-9);
  return html`<table class="contributions">
    <tbody>
      ${start !== undefined && html`<tr class="quietly"><th scope="row">${t("startsAt")}</th><td></td>
        <td class="number">${short(start)}</td></tr>`}
      ${shown.map(({ name, said, by }) => html`<tr key=${name}>
        <th scope="row"><code>${name}</code> <small>${said}</small></th>
        <td><${Bar} share=${by / most} /></td>
        <td class="number">${signed(by)}</td></tr>`)}
      ${others.length > 0 && html`<tr class="quietly"><th scope="row">${t("others", others.length)}</th>
        <td><${Bar} share=${rest / most} /></td><td class="number">${signed(rest)}</td></tr>`}
      <tr class="sum"><th scope="row">${t("score")}</th><td></td>
        <td class="number">${short(sum)}</td></tr>
    </tbody>
  </table>`;
}

/** A bar from the middle: −1 fills the left half, 1 the right one. */
function Bar({ share }) {
  const style = { width: `${Math.abs(share) * 50}%` };
  return html`<span class="bar" aria-hidden="true">
    <i class=${names(share < 0 ? "down" : "up")} style=${style}></i></span>`;
}

const valueOf = (value) => (value === null || value === undefined ? t("missing") : short(value));
