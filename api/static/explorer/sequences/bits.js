/** Bits: their counts as text, and instructive sequences, for a network that counts them. */

/**
 * Count ones and zeros, and give the correct answer.
 * @param {string} bits
 * @returns {{ ones: number, zeros: number, more: boolean }} `more`: whether there are more ones; a tie is a no.
 */
export function countBits(bits) {
  const ones = bits.split("1").length - 1;
  const zeros = bits.length - ones;
  return { ones, zeros, more: ones > zeros };
}

/** Write a number with its noun. @param {number} count @param {string} thing */
export function withNoun(count, thing) {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

/** Instructive sequences. @type {{ name: string, bits: string, why: string }[]} */
export const PRESETS = [
  {
    name: "a tie",
    bits: "1100101001",
    why: "Five ones and five zeros. There are not more ones, so the correct answer is no: the network must learn this boundary.",
  },
  {
    name: "one more 1",
    bits: "11001010011",
    why: "The tie with a single 1 after it. This bit changes the answer; compare the lanes at the last step.",
  },
  {
    name: "long run, then back",
    bits: "1".repeat(24) + "0".repeat(23),
    why: "The count goes up to +24 and back to +1. A memory that decays or saturates on the way would get it wrong.",
  },
  {
    name: "alternating",
    bits: "10".repeat(12),
    why: "The count goes 1, 0, 1, 0. The correct answer flips with every bit, and so must the hidden state.",
  },
  {
    name: "late majority",
    bits: "0".repeat(12) + "1".repeat(13),
    why: "The last bit decides. The network must still remember the zeros of the beginning.",
  },
  {
    name: "only zeros",
    bits: "0".repeat(16),
    why: "The answer is clear: the probability stays low while the counting unit moves in one direction.",
  },
  {
    name: "a long way",
    bits: "1".repeat(200) + "0".repeat(199),
    why: "399 bits, and one decides. Scroll the lanes: the counting unit rises and falls in a straight line.",
  },
];
