// Narrowing a search: values of keyword fields, ranges of numbers, yes or no.
import { html, useState } from "./view.js";
import { short, whole } from "./figures.js";
import { t } from "./words.js";

const SHOWN = 6;

/** `counted`: the answer's facets; a field that nothing matches is left out unless it is in use. */
export function Facets({ facts, filters, counted, change }) {
  const set = (field, value) => change(withFilter(filters, field, value));
  return html`<div class="facets">
    ${Object.keys(filters).length > 0 && html`<button class="link" onClick=${() => change({})}>
      ${t("clearAll")}</button>`}
    ${facts.keywords.map((field) => html`<${Values} key=${field} field=${field}
      counted=${counted[field]} chosen=${listOf(filters[field])} set=${set} />`)}
    ${facts.numbers.map((field) => html`<${Range} key=${field} field=${field}
      counted=${counted[field]} chosen=${filters[field] || {}} set=${set} />`)}
    ${facts.flags.map((field) => html`<label key=${field} class="choice">
      <input type="checkbox" checked=${filters[field] === true}
        onChange=${(event) => set(field, event.target.checked ? true : undefined)} />
      <span>${t(field)}</span></label>`)}
  </div>`;
}

function Values({ field, counted, chosen, set }) {
  const [all, showAll] = useState(false);
  const offered = merged(counted?.values || [], chosen);
  if (!offered.length) return null;
  const toggle = (value, on) => {
    const next = on ? [...chosen, value] : chosen.filter((it) => it !== value);
    set(field, next.length ? next : undefined);
  };
  const shown = all ? offered : offered.slice(0, Math.max(SHOWN, chosen.length));
  return html`<fieldset><legend>${t(field)}</legend>
    ${shown.map(({ value, count }) => html`<label key=${value} class="choice">
      <input type="checkbox" checked=${chosen.includes(value)}
        onChange=${(event) => toggle(value, event.target.checked)} />
      <span>${value}</span><small>${whole(count)}</small></label>`)}
    ${offered.length > shown.length && html`<button class="link" onClick=${() => showAll(true)}>
      + ${offered.length - shown.length}</button>`}
  </fieldset>`;
}

function Range({ field, counted, chosen, set }) {
  if (!counted?.count && !Object.keys(chosen).length) return null;
  const bound = (end) => (event) => {
    const next = { ...chosen, [end]: event.target.valueAsNumber };
    if (Number.isNaN(next[end])) delete next[end];
    set(field, Object.keys(next).length ? next : undefined);
  };
  const input = (end, hint, name) => html`<input type="number" class="field" step="any"
    placeholder=${short(hint)} aria-label=${`${t(field)}, ${t(name)}`}
    value=${chosen[end] ?? ""} onChange=${bound(end)} />`;
  return html`<fieldset><legend>${t(field)}</legend>
    <div class="range">${input("gte", counted?.min, "from")}<span aria-hidden="true">–</span>
      ${input("lte", counted?.max, "to")}</div>
  </fieldset>`;
}

/** What is chosen stays on the list, although its count may be 0 now. */
function merged(values, chosen) {
  const counts = new Map(values.map(({ value, count }) => [value, count]));
  const first = chosen.map((value) => ({ value, count: counts.get(value) ?? 0 }));
  return [...first, ...values.filter(({ value }) => !chosen.includes(value))];
}

function withFilter(filters, field, value) {
  const next = { ...filters, [field]: value };
  if (value === undefined) delete next[field];
  return next;
}

const listOf = (value) => (Array.isArray(value) ? value : value === undefined ? [] : [value]);
