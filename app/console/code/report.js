// A report as Duolu writes it, a small part of Markdown: headings, paragraphs, lists, tables, code.
import { html } from "./view.js";

export function Report({ text }) {
  return html`<div class="report">${blocksOf(text).map((lines, i) => html`<${Block} key=${i} lines=${lines} />`)}</div>`;
}

/** Lines that stand together, pictures left out: the page shows text. */
function blocksOf(text) {
  return text.split(/\n\s*\n/)
    .map((block) => block.split("\n").filter((line) => line.trim() && !line.startsWith("![")))
    .filter((lines) => lines.length);
}

function Block({ lines }) {
  const [first] = lines;
  const heading = /^(#{1,6}) (.*)/.exec(first);
  if (heading) return html`<h3><${Inline} text=${heading[2]} /></h3>`;
  if (first.startsWith("|")) return html`<${Table} lines=${lines} />`;
  if (first.startsWith("- ")) {
    return html`<ul>${lines.map((line) => html`<li key=${line}><${Inline} text=${line.replace(/^- /, "")} /></li>`)}</ul>`;
  }
  return html`<p><${Inline} text=${lines.join(" ")} /></p>`;
}

function Table({ lines }) {
  const [head, , ...rows] = lines.map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  const cells = (row, Tag) => row.map((cell, i) => html`<${Tag} key=${i}><${Inline} text=${cell} /><//>`);
  return html`<div class="wide-table"><table><thead><tr>${cells(head, "th")}</tr></thead>
    <tbody>${rows.map((row, i) => html`<tr key=${i}>${cells(row, "td")}</tr>`)}</tbody></table></div>`;
}

/** Text with `code` and **weight**. */
function Inline({ text }) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`")) return html`<code>${part.slice(1, -1)}</code>`;
    return part.startsWith("**") ? html`<strong>${part.slice(2, -2)}</strong>` : part;
  });
}
