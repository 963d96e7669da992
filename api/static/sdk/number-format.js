/** Number format: numbers as text for readers, or with every digit. */

/**
 * Format a number, with the minus sign U+2212; very large and small ones in scientific notation.
 * @param {number | null | undefined} value
 * @param {number} [digits] Most significant digits.
 */
export function formatNumber(value, digits = 3) {
  if (value == null) return "–";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const magnitude = Math.abs(value);
  const text =
    magnitude >= 1e5 || magnitude < 1e-4
      ? magnitude.toExponential(Math.max(0, digits - 1)).replace("-", "−")
      : String(Number(magnitude.toPrecision(digits)));
  return value < 0 ? `−${text}` : text;
}

/**
 * Format a proportion as a percentage with one decimal; only 0 and 1 themselves read 0.0 % and 100.0 %.
 * @param {number} proportion
 */
export function formatPercent(proportion) {
  const points = 100 * proportion;
  if (points > 99.95 && points < 100) return "> 99.9 %";
  if (points > 0 && points < 0.05) return "< 0.1 %";
  return `${points.toFixed(1)} %`;
}

/**
 * Format a number with the fewest digits that parse to the same value of its type.
 * @param {number} value
 * @param {string} dtype
 */
export function exactDigits(value, dtype) {
  if (dtype !== "float32" || !Number.isFinite(value)) return String(value);
  for (let digits = 6; digits < 9; digits += 1) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}
