/** Exact sum: a sum whose rounding errors are carried along and added at its end. */

/**
 * Add numbers, as `math.fsum` of the server's arithmetic does up to the last digit.
 * @param {ArrayLike<number>} terms
 *
 * References:
 *   Neumaier (1974), Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen.
 */
export function exactSum(terms) {
  let [sum, lost] = [0, 0];
  for (let at = 0; at < terms.length; at += 1) {
    const [term, next] = [terms[at], sum + terms[at]];
    lost += Math.abs(sum) >= Math.abs(term) ? sum - next + term : term - next + sum;
    sum = next;
  }
  return sum + lost;
}
