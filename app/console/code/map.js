// A map without tiles: documents as faint dots, results by their numbers; a click is a place.
import { html, useId } from "./view.js";
import { t } from "./words.js";

const WIDTH = 320;
const HEIGHT = 240;
const EDGE = 16;
const KM_PER_DEGREE = 111.32;

export function PlaceMap({ dots, results, place, radius, pick }) {
  const title = useId();
  const found = results.filter((it) => hasPlace(it.document));
  const shown = found.map((it) => [it.document.lat, it.document.lon]);
  const view = framed(place ? [...shown, place] : shown, dots);
  const onClick = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    pick(view.place((x / box.width) * WIDTH, (y / box.height) * HEIGHT));
  };
  return html`<svg class="map" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-labelledby=${title}
      onClick=${onClick}>
    <title id=${title}>${t("placeHint")}</title>
    <g class="dots">${dots.map(([lat, lon], i) => {
      const [x, y] = view.at(lat, lon);
      return inside(x, y) && html`<circle key=${i} cx=${x} cy=${y} r="1.6" />`;
    })}</g>
    ${place && html`<${Here} at=${view.at(...place)} reach=${radius && radius * view.perKm} />`}
    ${found.toReversed().map((it) => html`<${Pin} key=${it.id} rank=${it.rank}
      at=${view.at(it.document.lat, it.document.lon)} title=${it.document.title} />`)}
    <${Scale} perKm=${view.perKm} />
  </svg>`;
}

function Pin({ rank, at: [x, y], title }) {
  if (!inside(x, y)) return null;
  return html`<g class="pin" transform=${`translate(${x} ${y})`}><title>${title}</title>
    <circle r="8" /><text y="3">${rank}</text></g>`;
}

function Here({ at: [x, y], reach }) {
  return html`<g class="here" transform=${`translate(${x} ${y})`}>
    ${reach ? html`<circle class="reach" r=${reach} />` : null}
    <circle r="5" /><path d="M-9 0H9M0-9V9" /></g>`;
}

/** A line as long as a round number of kilometres. */
function Scale({ perKm }) {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
  const km = steps.findLast((step) => step * perKm <= WIDTH / 4) ?? steps[0];
  const length = km * perKm;
  return html`<g class="scale" transform=${`translate(${WIDTH - EDGE - length} ${HEIGHT - 10})`}>
    <path d=${`M0 -4V0H${length}V-4`} />
    <text x=${length / 2} y="-4">${km < 1 ? `${km * 1000} m` : `${km} km`}</text></g>`;
}

/** A frame around `shown`, or around most of the dots: degrees to the drawing and back. */
function framed(shown, dots) {
  const around = shown.length >= 2 ? shown : [...shown, ...middling(dots)];
  const [south, north] = ends(around.map(([lat]) => lat));
  const [west, east] = ends(around.map(([, lon]) => lon));
  const [lat0, lon0] = [(south + north) / 2, (west + east) / 2];
  const squeeze = Math.cos((lat0 * Math.PI) / 180);
  const wide = Math.max((east - west) * squeeze, 0.01) / (WIDTH - 4 * EDGE);
  const high = Math.max(north - south, 0.01) / (HEIGHT - 4 * EDGE);
  const scale = 1 / Math.max(wide, high); // drawing units a degree of latitude
  return {
    perKm: scale / KM_PER_DEGREE,
    at: (lat, lon) => [
      WIDTH / 2 + (lon - lon0) * squeeze * scale, HEIGHT / 2 - (lat - lat0) * scale,
    ],
    place: (x, y) => [
      lat0 - (y - HEIGHT / 2) / scale, lon0 + (x - WIDTH / 2) / (squeeze * scale),
    ],
  };
}

/** The dots but for those farthest out, so that a few strays do not shrink a city to a point. */
function middling(dots) {
  const inner = (axis) => {
    const sorted = dots.map((dot) => dot[axis]).sort((a, b) => a - b);
    return [sorted[Math.floor(sorted.length * 0.02)], sorted[Math.floor(sorted.length * 0.98)]];
  };
  if (!dots.length) return [[0, 0]];
  const [[south, north], [west, east]] = [inner(0), inner(1)];
  return [[south, west], [north ?? south, east ?? west]];
}

const ends = (values) => [Math.min(...values), Math.max(...values)];
const inside = (x, y) => x > 0 && x < WIDTH && y > 0 && y < HEIGHT;
const hasPlace = (shown) => Number.isFinite(shown.lat) && Number.isFinite(shown.lon);
