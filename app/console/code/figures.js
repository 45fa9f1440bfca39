// Numbers as people read them. Anything may be missing; then it is a dash.
import { readLanguage } from "./words.js";

const DASH = "–";

export function whole(value) {
  return isNumber(value) ? new Intl.NumberFormat(readLanguage()).format(value) : DASH;
}

/** Up to three significant digits behind the point, as tables want them. */
export function short(value) {
  if (!isNumber(value)) return DASH;
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(1);
  return String(Number(value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 3)));
}

export const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(3);

export function ms(value) {
  if (!isNumber(value)) return DASH;
  return value >= 10 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2);
}

export function distance(km) {
  if (!isNumber(km)) return DASH;
  if (km < 1) return `${Math.round(km * 100) * 10} m`;
  return `${km < 10 ? km.toFixed(1) : Math.round(km)} km`;
}

/** An instant from the time in a version's id, as 20260131T040000Z-9f3c21aa. */
export function madeAt(id) {
  const told = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(id || "");
  return told ? moment(Date.UTC(told[1], told[2] - 1, ...told.slice(3).map(Number))) : DASH;
}

export function moment(epochMs) {
  const style = { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(readLanguage(), style).format(epochMs);
}

/** The part of a version's id that tells it from others at a glance. */
export const shortId = (id) => (id ? id.split("-").pop() : DASH);

export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
