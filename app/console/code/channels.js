// Channels have one colour each, everywhere: by their place in the configuration.
import { html, names } from "./view.js";
import { t } from "./words.js";

const KNOWN = [
  "lexical", "vector", "behaviour", "geo", "profile", "popular", "structured", "embedding",
];

const WRONG = ["timed_out", "failed"]; // other statuses are as it should be

/** A class that sets --hue; channels that nobody foresaw share the colours by their letters. */
export function hue(channel) {
  const at = KNOWN.indexOf(channel);
  const letters = [...channel].reduce((sum, letter) => sum + letter.codePointAt(0), 0);
  return `hue-${at >= 0 ? at : letters % KNOWN.length}`;
}

/** A channel's name with its colour, perhaps with a place in it. */
export function Badge({ channel, rank, status }) {
  const isFine = !status || status === "ok";
  return html`<span class=${names("badge", hue(channel), !isFine && "faded")}>
    <i class="dot" aria-hidden="true"></i>${channel}${rank ? html` <b>${rank}</b>` : null}
    ${isFine ? null : html`<em class=${names(WRONG.includes(status) && "wrong")}>${t(status)}</em>`}
  </span>`;
}
