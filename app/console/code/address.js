// What is looked at stands in the address: it can be sent to others, and Back goes back.
import { useEffect, useState } from "./view.js";

export const VIEWS = ["search", "compare", "releases", "health"];
const NOTHING = {
  q: "", user: "", place: null, radius: null, filters: {}, sort: "", by: "", sides: [],
};

/** Read `#search?q=…` into { view, asked }; what cannot be read counts as not there. */
export function readAddress(hash = location.hash) {
  const [view, query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const given = new URLSearchParams(query);
  const asked = {
    q: given.get("q") || "",
    user: given.get("user") || "",
    place: placeOf(given.get("at")),
    radius: Number(given.get("within")) || null,
    filters: objectOf(given.get("filters")),
    sort: given.get("sort") || "",
    by: given.get("by") || "",
    sides: ["a", "b"].map((side) => sideOf(objectOf(given.get(side)))),
  };
  return { view: VIEWS.includes(view) ? view : VIEWS[0], asked };
}

/** Write an address; what says nothing is left out. */
export function addressOf(view, asked) {
  const { q, user, place, radius, filters, sort, by, sides } = { ...NOTHING, ...asked };
  const said = new URLSearchParams();
  if (q) said.set("q", q);
  if (user) said.set("user", user);
  if (place) said.set("at", place.map((degrees) => degrees.toFixed(5)).join(","));
  if (place && radius) said.set("within", radius);
  if (Object.keys(filters).length) said.set("filters", JSON.stringify(filters));
  if (sort) said.set("sort", sort);
  if (by) said.set("by", by);
  if (view === "compare") {
    sides.forEach((side, i) => Object.keys(side).length && said.set("ab"[i], JSON.stringify(side)));
  }
  const query = said.toString();
  return query ? `#${view}?${query}` : `#${view}`;
}

export function useAddress() {
  const [address, setAddress] = useState(readAddress);
  useEffect(() => {
    const follow = () => setAddress(readAddress());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const go = (view, asked) => {
    location.hash = addressOf(view, asked);
  };
  return [address, go];
}

/** What a place of a comparison may hold: a release's id and the channels that are asked. */
export function sideOf({ release, channels }) {
  const named = Array.isArray(channels) ? channels.filter((it) => typeof it === "string") : [];
  return {
    ...(typeof release === "string" && release && { release }),
    ...(named.length && { channels: named }),
  };
}

/** The body of POST /v1/search that asks for this. */
export function bodyOf(asked) {
  const { q, user, place, radius, filters, sort } = { ...NOTHING, ...asked };
  return {
    query: q,
    ...(user && { user_id: user }),
    ...(place && { location: { lat: place[0], lon: place[1] } }),
    ...(place && radius && { radius_km: radius }),
    ...(Object.keys(filters).length && { filters }),
    ...(sort && { sort }),
  };
}

function placeOf(text) {
  const place = (text || "").split(",").map(Number);
  const [lat, lon] = place;
  const fits = place.length === 2 && Math.abs(lat) <= 90 && Math.abs(lon) <= 180;
  return text && fits ? place : null;
}

function objectOf(text) {
  try {
    const read = JSON.parse(text || "{}");
    return read && typeof read === "object" && !Array.isArray(read) ? read : {};
  } catch {
    return {};
  }
}
