/** When seen: requests of a panel that is out of view, or below another tab, wait until it is shown. */

import { whenNear } from "./lazy-panels.js";

/**
 * Make a function that calls another one: at once while an element is in view, else once when it comes into view.
 * @param {Element} element
 * @param {() => void} call
 * @returns {() => void}
 */
export function whenSeen(element, call) {
  let isSeen = false;
  let isWanted = false;
  whenNear(element, (isNear) => {
    isSeen = isNear;
    if (!isSeen || !isWanted) return;
    isWanted = false;
    call();
  });
  return () => {
    if (isSeen) call();
    else isWanted = true;
  };
}
