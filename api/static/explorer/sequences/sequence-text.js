/** Sequence text: bits as people type them, paste them and talk about them. */

/** As long as the server reads. */
export const LONGEST = 4096;

/**
 * Read bits out of a text; blanks, commas and brackets between them are fine.
 * @param {string} text
 * @returns {{ bits: string, complaint: string }} The complaint is empty where there is none.
 */
export function readBits(text) {
  const all = text.replace(/[^01]/g, "");
  const bits = all.slice(0, LONGEST);
  if (!bits) return { bits, complaint: "A sequence needs at least one 0 or 1." };
  if (all.length > LONGEST)
    return { bits, complaint: `Only the first ${LONGEST.toLocaleString("en")} bits were taken.` };
  if (/[^01\s,;[\]]/.test(text))
    return { bits, complaint: "Only 0 and 1 count here; the rest was left out." };
  return { bits, complaint: "" };
}

/**
 * Count what the network has to count.
 * @param {string} bits
 * @returns {{ ones: number, zeros: number, more: boolean }} `more`: whether there are more ones; a tie is a no.
 */
export function countBits(bits) {
  const ones = bits.split("1").length - 1;
  const zeros = bits.length - ones;
  return { ones, zeros, more: ones > zeros };
}

/** Write how many there are of something. @param {number} count @param {string} thing */
export function many(count, thing) {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

/**
 * Throw a fair coin for every bit.
 * @param {number} length
 */
export function randomBits(length) {
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => byte & 1).join("");
}

/** Sequences worth looking at, and why. @type {{ name: string, bits: string, why: string }[]} */
export const PRESETS = [
  {
    name: "a tie",
    bits: "1100101001",
    why: "Five ones and five zeros. Not more ones, so the right answer is no: the boundary itself has to be learned.",
  },
  {
    name: "one more 1",
    bits: "11001010011",
    why: "The tie with a single 1 after it. One bit turns the answer; watch which lanes notice.",
  },
  {
    name: "long run, then back",
    bits: "1".repeat(24) + "0".repeat(23),
    why: "Up to +24 and back to +1. A memory that forgets or fills up on the way would miss the last one.",
  },
  {
    name: "alternating",
    bits: "10".repeat(12),
    why: "The count goes 1, 0, 1, 0. The answer flips with every bit, and so must what the readout sees.",
  },
  {
    name: "late majority",
    bits: "0".repeat(12) + "1".repeat(13),
    why: "Behind all the way, decided by the last bit. The old zeros must still be there when it comes.",
  },
  {
    name: "only zeros",
    bits: "0".repeat(16),
    why: "Never any doubt: the probability stays low while the counter walks away in one direction.",
  },
  {
    name: "a long way",
    bits: "1".repeat(200) + "0".repeat(199),
    why: "399 bits, and one decides. Scroll along: the counting unit climbs and comes back in a straight line.",
  },
];
