// Whether the page is wide enough for columns beside the results.
import { useEffect, useState } from "./view.js";

const WIDE = matchMedia("(min-width: 64rem)");

export function useIsWide() {
  const [isWide, setIsWide] = useState(WIDE.matches);
  useEffect(() => {
    const follow = () => setIsWide(WIDE.matches);
    WIDE.addEventListener("change", follow);
    return () => WIDE.removeEventListener("change", follow);
  }, []);
  return isWide;
}
