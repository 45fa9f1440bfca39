// What each feature adds to a score or takes from it: bars to both sides of a middle.
import { short, signed } from "./figures.js";
import { html, names } from "./view.js";
import { t } from "./words.js";

const SHOWN = 12;

export function Contributions({ base_score: base, features, score }) {
  const shown = features.slice(0, SHOWN);
  const others = features.slice(SHOWN);
  const rest = others.reduce((sum, feature) => sum + feature.contribution, 0);
  const most = Math.max(...shown.map((it) => Math.abs(it.contribution)), Math.abs(rest), 1e-9);
  return html`<table class="contributions">
    <tbody>
      <tr class="quietly"><th scope="row">${t("startsAt")}</th><td></td>
        <td class="number">${short(base)}</td></tr>
      ${shown.map((feature) => html`<tr key=${feature.name}>
        <th scope="row"><code>${feature.name}</code>
          <small>${feature.value === null ? t("missing") : short(feature.value)}</small></th>
        <td><${Bar} share=${feature.contribution / most} /></td>
        <td class="number">${signed(feature.contribution)}</td></tr>`)}
      ${others.length > 0 && html`<tr class="quietly"><th scope="row">${t("others", others.length)}</th>
        <td><${Bar} share=${rest / most} /></td><td class="number">${signed(rest)}</td></tr>`}
      <tr class="sum"><th scope="row">${t("score")}</th><td></td>
        <td class="number">${score.toFixed(3)}</td></tr>
    </tbody>
  </table>`;
}

/** A bar from the middle: −1 fills the left half, 1 the right one. */
export function Bar({ share }) {
  const style = { width: `${Math.abs(share) * 50}%` };
  return html`<span class="bar" aria-hidden="true">
    <i class=${names(share < 0 ? "down" : "up")} style=${style}></i></span>`;
}
