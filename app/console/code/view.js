// What every view is written in: templates become elements, and data becomes text, never markup.
import htm from "../vendor/htm.js";
import { h } from "../vendor/preact.js";

export { Fragment, render } from "../vendor/preact.js";
export {
  useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState,
} from "../vendor/hooks.js";

export const html = htm.bind(h);

/** Join the class names that hold. */
export const names = (...given) => given.filter(Boolean).join(" ");
