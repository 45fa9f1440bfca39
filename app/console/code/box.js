// The search box with its completions: a combobox after the ARIA pattern, worked by keys alone.
import { suggest } from "./api.js";
import { Marked } from "./result.js";
import { html, useEffect, useId, useState } from "./view.js";
import { t } from "./words.js";

const PAUSE_MS = 90;

export function Box({ text, completes, user, place, onSearch }) {
  const [typed, setTyped] = useState(text);
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const list = useId();
  const offers = useSuggestions(typed, { user, place }, open && completes);
  useEffect(() => setTyped(text), [text]);
  const shown = open && offers.length > 0;
  const take = (chosen) => {
    setTyped(chosen);
    setOpen(false);
    setAt(-1);
    onSearch(chosen);
  };
  const onKeyDown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !shown) {
      setOpen(true);
    } else if (step) {
      event.preventDefault();
      setAt(((at + 1 + step + offers.length + 1) % (offers.length + 1)) - 1);
    } else if (event.key === "Escape" && open) {
      event.preventDefault(); // it closes the list, or what is on its way; what was typed stays
      setOpen(false);
      setAt(-1);
    }
  };
  const onInput = (event) => {
    setTyped(event.target.value);
    setOpen(true);
    setAt(-1);
  };
  const onSubmit = (event) => {
    event.preventDefault();
    take(shown && at >= 0 ? offers[at].text : typed.trim());
  };
  return html`<form class="box" role="search" onSubmit=${onSubmit}>
    <div class="box-field">
      <input type="search" class="field" placeholder=${t("placeholder")} aria-label=${t("search")}
        value=${typed} maxlength="512" autocomplete="off" autocapitalize="off" spellcheck="false"
        enterkeyhint="search"
        role="combobox" aria-expanded=${String(shown)} aria-controls=${list} aria-autocomplete="list"
        aria-activedescendant=${shown && at >= 0 ? `${list}-${at}` : null}
        onInput=${onInput} onKeyDown=${onKeyDown} onBlur=${() => setOpen(false)} />
      <ul id=${list} role="listbox" class="offers" hidden=${!shown} aria-label=${t("search")}>
        ${offers.map((offer, i) => html`<li key=${offer.text} id=${`${list}-${i}`} role="option"
          aria-selected=${String(i === at)} onMouseDown=${(event) => event.preventDefault()}
          onClick=${() => take(offer.text)}><span><${Marked} text=${offer.text}
            found=${{ text: offer.text, ranges: offer.highlight }} /></span>
          <small>${offer.kind === "query" ? null : t(offer.kind)}</small></li>`)}
      </ul>
    </div>
    <button class="main">${t("search")}</button>
  </form>`;
}

/** Completions of `typed`, a moment after the last key. */
function useSuggestions(typed, asker, wanted) {
  const [offers, setOffers] = useState([]);
  useEffect(() => {
    if (!wanted) return undefined;
    const calling = new AbortController();
    const timer = setTimeout(() => {
      suggest(typed, asker, calling.signal).then(setOffers, (refusal) => {
        if (refusal.name !== "AbortError") setOffers([]);
      });
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      calling.abort();
    };
  }, [typed, wanted]);
  return offers;
}
