// Reading the Prometheus text format, as much of it as the page shows.
import { isNumber } from "./figures.js";

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Samples as { name, labels, value }; comments and what cannot be read are left out. */
export function read(page) {
  return page.split("\n").map((line) => LINE.exec(line)).filter(Boolean).map(([, name, labels, value]) => ({
    name,
    labels: Object.fromEntries([...(labels || "").matchAll(LABEL)].map(([, label, said]) => [label, said])),
    value: Number(value),
  }));
}

/** The sum of a metric over its labels; undefined where this service has no such metric. */
export function sum(metrics, name) {
  const found = metrics.filter((it) => it.name === name);
  return found.length ? found.reduce((total, it) => total + it.value, 0) : undefined;
}

/** What every worker knows alike, as the documents: the newest of them says it. */
export function most(metrics, name, labels = {}) {
  const fits = (it) => Object.entries(labels).every(([label, value]) => it.labels[label] === value);
  const found = metrics.filter((it) => it.name === name && fits(it));
  return found.length ? Math.max(...found.map((it) => it.value)) : undefined;
}

/** The sums of a metric by some labels, joined by spaces. */
export function summed(metrics, name, ...labels) {
  const sums = new Map();
  for (const it of metrics.filter((sample) => sample.name === name)) {
    const key = labels.map((label) => it.labels[label]).join(" ");
    sums.set(key, (sums.get(key) || 0) + it.value);
  }
  return sums;
}

/** How fast a counter grows between two readings, a second. */
export function rate(now, before, name) {
  if (!before) return "–";
  const grown = sum(now.metrics, name) - sum(before.metrics, name);
  const perSecond = (1e3 * grown) / (now.at - before.at);
  return isNumber(perSecond) ? perSecond.toFixed(1) : "–";
}
