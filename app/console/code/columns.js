// What every channel finds when it is asked alone, side by side, each in its own order.
import { search } from "./api.js";
import { useAnswer } from "./asking.js";
import { Badge, hue } from "./channels.js";
import { whole } from "./figures.js";
import { Loading, Refused } from "./notices.js";
import { html } from "./view.js";
import { t } from "./words.js";

const MOST = 1000; // results of one search
const SHOWN = 10;

/** `answer`: of all channels together; its places stand beside each document. */
export function ByChannel({ facts, body, answer, why }) {
  const asked = answer.channels.map((it) => it.name).filter((name) => facts.channels.includes(name));
  const finals = new Map(answer.results.map((it) => [it.id, it.rank]));
  const { facets, highlights, sort, ...wanted } = body;
  const rest = { ...wanted, limit: Math.min(MOST, facts.deepest) }; // a model's best may be a channel's last
  const { answer: found, refusal } = useAnswer(JSON.stringify(rest), (signal) =>
    Promise.all(asked.map((name) => foundBy(name, rest, signal))));
  if (refusal) return html`<${Refused} refusal=${refusal} />`;
  if (!found) return html`<${Loading} />`;
  const counts = timesFound(found);
  return html`<p class="hint">${t("byChannelHint")}</p>
    <div class="by-channel">${found.map(({ name, status, hits, results }) => html`
      <section key=${name} class=${hue(name)}>
        <h3><${Badge} channel=${name} status=${status} /> <small>${whole(hits)} ${t("hits")}</small></h3>
        <ol>${results.map(({ id, document: shown }, i) => html`<li key=${id}>
          <span class="place">${i + 1}</span>
          <button class="title" onClick=${() => why(id)}>${shown.title}</button>
          <small>${finals.has(id) && html`<b title=${t("rankIs", finals.get(id))}>#${finals.get(id)}</b>`}
            ${counts.get(id) === 1 ? t("onlyHere") : null}</small></li>`)}</ol>
      </section>`)}</div>`;
}

/** Ask one channel alone, and bring what it found into its own order. */
async function foundBy(name, body, signal) {
  const answer = await search({ ...body, channels: [name] }, signal).catch((refusal) => {
    if (refusal.status === 503) return null; // this channel is down, the others may not be
    throw refusal;
  });
  const [told] = answer ? answer.channels : [{ status: "failed", hits: 0 }];
  const results = (answer ? answer.results : [])
    .filter((it) => it.channels[name])
    .sort((a, b) => a.channels[name].rank - b.channels[name].rank)
    .slice(0, SHOWN);
  return { name, status: told.status, hits: told.hits, results };
}

function timesFound(found) {
  const counts = new Map();
  for (const { id } of found.flatMap((it) => it.results)) counts.set(id, (counts.get(id) || 0) + 1);
  return counts;
}
