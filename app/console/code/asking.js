// Asking the service from a view: the newest question counts, older ones are called off.
import { useEffect, useRef, useState } from "./view.js";

/**
 * Call `ask(signal)` whenever `key` changes. Returns { answer, refusal, waiting }; while the next
 * answer is on its way the one before stays. `ask` null: nothing is asked.
 */
export function useAnswer(key, ask) {
  const [state, setState] = useState({ answer: null, refusal: null, waiting: false });
  const newest = useRef(null);
  useEffect(() => {
    newest.current?.abort();
    if (!ask) return undefined;
    const mine = (newest.current = new AbortController());
    const settle = (said) => !mine.signal.aborted && setState({ waiting: false, ...said });
    setState((before) => ({ ...before, waiting: true }));
    ask(mine.signal).then(
      (answer) => settle({ answer, refusal: null }),
      (refusal) => settle({ answer: null, refusal }),
    );
    return () => mine.abort();
  }, [key]);
  return state;
}
