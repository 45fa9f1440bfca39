// What is asked: words, who searches, from where, in which order.
import { Box } from "./box.js";
import { html, useState } from "./view.js";
import { t } from "./words.js";

const PEOPLE = "duolu.people";
const KEPT = 8;
const RADII = [1, 3, 10, 50];

/** The head of a view that searches. `change` takes what is asked differently from now on. */
export function Asking({ facts, asked, change, withSort }) {
  const completes = facts.calls.includes("/v1/suggest");
  return html`<div class="asking">
    <${Box} text=${asked.q} ...${asked} completes=${completes} onSearch=${(q) => change({ q })} />
    <div class="pills">
      <${Person} key=${asked.user} user=${asked.user} choose=${(user) => change({ user })} />
      <${Place} key=${asked.place} ...${asked} choose=${(place, radius) => change({ place, radius })} />
      ${withSort && html`<${Sort} facts=${facts} asked=${asked} change=${change} />`}
    </div>
  </div>`;
}

function Sort({ facts, asked, change }) {
  const orders = facts.numbers.flatMap((field) => [
    [field, t("lowest", t(field))], [`-${field}`, t("highest", t(field))],
  ]);
  const offered = [["", t("byRelevance")], ...(asked.place ? [["distance", t("nearest")]] : []), ...orders];
  return html`<label class="sort"><small>${t("sort")}</small>
    <select onChange=${(event) => change({ sort: event.target.value })}>
      ${offered.map(([value, said]) => html`<option key=${value} value=${value}
        selected=${value === asked.sort}>${said}</option>`)}</select></label>`;
}

function Person({ user, choose }) {
  const [known, setKnown] = useState(readPeople);
  const onSubmit = (event) => {
    event.preventDefault();
    const name = new FormData(event.target).get("user").trim();
    if (name) setKnown(remember(name));
    choose(name);
    event.target.closest("details").open = false;
  };
  return html`<${Pill} label=${t("person")} value=${user || t("anyone")} set=${Boolean(user)}>
    <form onSubmit=${onSubmit} class="stack">
      <p class="hint">${t("personHint")}</p>
      <input class="field" name="user" maxlength="256" value=${user} aria-label=${t("person")}
        placeholder="user_id" autocomplete="off" spellcheck="false" />
      ${known.length > 0 && html`<ul class="tags">${known.map((name) => html`<li key=${name}>
        <button type="button" onClick=${(event) => chosen(event, name, choose)}>${name}</button></li>`)}</ul>`}
      <div class="actions">
        <button type="button" onClick=${(event) => chosen(event, "", choose)}>${t("anyone")}</button>
        <button class="main">${t("use")}</button></div>
    </form>
  <//>`;
}

function Place({ place, radius, choose }) {
  const onSubmit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    choose([Number(form.get("lat")), Number(form.get("lon"))], Number(form.get("within")) || null);
    event.target.closest("details").open = false;
  };
  const clear = (event) => chosen(event, null, choose);
  const value = place ? place.map((degrees) => degrees.toFixed(3)).join(", ") : t("nowhere");
  const degrees = (name, label, i, most) => html`<label>${label}
    <input class="field" name=${name} type="number" step="any" min=${-most} max=${most} required
      value=${place ? place[i].toFixed(5) : ""} /></label>`;
  return html`<${Pill} label=${t("place")} value=${value} set=${Boolean(place)}>
    <form onSubmit=${onSubmit} class="stack">
      <div class="pair">${degrees("lat", t("latitude"), 0, 90)}${degrees("lon", t("longitude"), 1, 180)}</div>
      <select class="field" name="within" aria-label=${t("within", "")}>
        <option value="">${t("anywhere")}</option>
        ${RADII.map((km) => html`<option key=${km} value=${km} selected=${km === radius}>
          ${t("within", km)}</option>`)}</select>
      <div class="actions"><button type="button" onClick=${clear}>${t("nowhere")}</button>
        <button class="main">${t("use")}</button></div>
    </form>
  <//>`;
}

function Pill({ label, value, set, children }) {
  const onKeyDown = (event) => {
    if (event.key !== "Escape") return;
    event.currentTarget.open = false;
    event.currentTarget.querySelector("summary").focus();
  };
  return html`<details class="pill" name="asker" onKeyDown=${onKeyDown}>
    <summary class=${set ? "set" : ""}><small>${label}</small> ${value}</summary>
    <div class="popover fades">${children}</div>
  </details>`;
}

function chosen(event, value, choose) {
  event.currentTarget.closest("details").open = false;
  choose(value, null);
}

function readPeople() {
  try {
    return JSON.parse(localStorage.getItem(PEOPLE) || "[]").filter((it) => typeof it === "string");
  } catch {
    return [];
  }
}

/** The people searched as lately, newest first; kept in this browser alone. */
function remember(name) {
  const next = [name, ...readPeople().filter((it) => it !== name)].slice(0, KEPT);
  localStorage.setItem(PEOPLE, JSON.stringify(next));
  return next;
}
