/** Counts as text. */

/** Write a whole number with commas between thousands. @param {number} count */
export function countOf(count) {
  return count.toLocaleString("en");
}
