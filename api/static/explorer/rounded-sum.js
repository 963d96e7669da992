/** Rounded sum: terms and total rounded so that the visible terms add up to the visible total. */

/**
 * Round terms so that they add up to the rounded total, by the largest remainder method. Rounding
 * each term to nearest can miss the total by a few units of the last decimal.
 * @param {number[]} terms Their sum is the total, up to errors far below the last decimal.
 * @param {number} total
 * @param {number} decimals
 * @returns {{ terms: string[], total: string }} With the minus sign U+2212.
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
