// Calls of the service that serves this page. What it refuses arrives as a Refusal.
const KEY = "duolu.key";

/** A problem as the service says it (RFC 9457): title, detail, status, perhaps a remedy. */
export class Refusal extends Error {
  constructor(problem) {
    super(problem.detail || problem.title);
    this.status = problem.status;
    this.remedy = problem.remedy || "";
    this.kind = (problem.type || "").split(":").pop();
  }
}

/** The key lives as long as this tab, and nowhere else. */
export const readKey = () => sessionStorage.getItem(KEY) || "";

export function keepKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

export const search = (body, signal) => post("v1/search", body, signal);
export const explain = (body, signal) => post("v1/explain", body, signal);
export const about = () => get("console/about");
export const releases = () => get("v1/releases");
export const release = (id) => get(`v1/releases/${encodeURIComponent(id)}`);
export const snapshots = () => get("v1/snapshots");
export const ready = () => get("readyz");
export const metrics = () => call("metrics", {}, (answer) => answer.text());

export function activate(id, force) {
  const path = `v1/releases/${encodeURIComponent(id)}/activate`;
  return post(force ? `${path}?force=true` : path, {});
}

/** Completions of what is typed; none where this service has no suggestions. */
export async function suggest(text, { user, place }, signal) {
  const asked = new URLSearchParams({ q: text, limit: 8 });
  if (user) asked.set("user_id", user);
  if (place) place.forEach((degrees, i) => asked.set(i ? "lon" : "lat", degrees));
  return (await get(`v1/suggest?${asked}`, signal)).suggestions;
}

const get = (path, signal) => call(path, { signal }, (answer) => answer.json());

function post(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  const sent = { method: "POST", headers, body: JSON.stringify(body), signal };
  return call(path, sent, (answer) => answer.json());
}

async function call(path, options, read) {
  const key = readKey();
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  const answer = await reached(path, { ...options, headers });
  if (!answer.ok) throw new Refusal(await problemOf(answer));
  return read(answer);
}

/** Throw a Refusal of status 0 where the service does not answer; aborted calls stay aborted. */
async function reached(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal({ status: 0, type: "unreachable", title: error.message });
  }
}

async function problemOf(answer) {
  try {
    return { status: answer.status, ...(await answer.json()) };
  } catch {
    return { status: answer.status, title: `${answer.status} ${answer.statusText}` };
  }
}
