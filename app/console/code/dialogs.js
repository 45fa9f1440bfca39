// Windows over the page. The browser's own dialog keeps the focus inside and closes on Escape.
import * as api from "./api.js";
import { html, names, useEffect, useId, useRef } from "./view.js";
import { t } from "./words.js";

/** A dialog; `kind` says how it comes: "sheet" from the side, "window" in the middle. */
export function Dialog({ open, close, title, kind = "window", children }) {
  const element = useRef(null);
  const label = useId();
  useEffect(() => {
    if (open && !element.current.open) element.current.showModal();
    if (!open && element.current.open) element.current.close();
  }, [open]);
  const onClick = (event) => event.target === element.current && close();
  return html`<dialog ref=${element} class=${names(kind, "fades")} aria-labelledby=${label}
      onClose=${close} onClick=${onClick}>
    ${open ? html`<div class="dialog-body">
      <header><h2 id=${label}>${title}</h2>
        <button class="quiet" onClick=${close} aria-label=${t("close")}>✕</button></header>
      ${children}
    </div>` : null}
  </dialog>`;
}

export function KeyDialog({ open, close, kept }) {
  const keep = (event) => {
    event.preventDefault();
    api.keepKey(new FormData(event.target).get("key").trim());
    kept();
    close();
  };
  return html`<${Dialog} open=${open} close=${close} title=${t("key")}>
    <form onSubmit=${keep} class="stack">
      <p class="hint">${t("keyHint")}</p>
      <input name="key" type="password" class="field" autocomplete="off" value=${api.readKey()}
        aria-label=${t("key")} />
      <div class="actions"><button class="main">${t("keep")}</button></div>
    </form>
  <//>`;
}

/** Ask before something is done that others notice. */
export function Confirm({ open, close, title, say, act, blocked, children }) {
  return html`<${Dialog} open=${open} close=${close} title=${title}>
    <div class="stack">${children}</div>
    <div class="actions">
      <button onClick=${close}>${t("cancel")}</button>
      <button class="main" disabled=${blocked} onClick=${act}>${say}</button>
    </div>
  <//>`;
}
