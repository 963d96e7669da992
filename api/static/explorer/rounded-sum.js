/** Sums: written so that what a reader adds up is what stands behind the equals sign. */

/**
 * Round terms to so many decimals such that they add up to the total, rounded the same way. Plain
 * rounding can miss it by a few units of the last decimal; here some terms are rounded the other way.
 * @param {number[]} terms Whose sum is the total but for errors far below the last decimal.
 * @param {number} total
 * @param {number} decimals
 * @returns {{ terms: string[], total: string }} With a true minus sign.
 */
export function roundedSum(terms, total, decimals) {
  const unit = 10 ** decimals;
  const whole = terms.map((term) => Math.floor(term * unit));
  const target = Math.round(total * unit);
  let missing = target - whole.reduce((sum, one) => sum + one, 0);
  const remainder = (/** @type {number} */ at) => terms[at] * unit - whole[at];
  const nearest = terms.map((_, at) => at).sort((one, other) => remainder(other) - remainder(one));
  for (const at of nearest) {
    if (missing <= 0) break;
    whole[at] += 1;
    missing -= 1;
  }
  const write = (/** @type {number} */ units) => signed((units / unit).toFixed(decimals));
  return { terms: whole.map(write), total: write(target) };
}

/** @param {string} text */
function signed(text) {
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}
