/** Where each step stands: one column for every step from 0 on, the same in every lane. */

const NARROWEST = 6;
const NARROW = 13;
const WIDEST = 52;
/** Up to so many steps the columns are wide enough for a bit to be read. */
const READABLE = 256;

/** Columns of one width, of which a part is in sight. All lengths are CSS pixels. */
export class StepColumns {
  /** How many steps there are after step 0. */
  steps = 0;
  /** Width of a column. */
  width = WIDEST;
  /** How far it is scrolled. */
  scroll = 0;
  /** Width of the part in sight. */
  view = 0;

  /**
   * Choose the width: all in sight where that can be read, else as narrow as can be read.
   * @param {number} steps
   * @param {number} view
   */
  fit(steps, view) {
    this.steps = steps;
    this.view = view;
    const least = steps <= READABLE ? NARROW : NARROWEST;
    this.width = Math.floor(Math.min(WIDEST, Math.max(least, view / (steps + 1))));
  }

  /** Width of all columns. */
  get total() {
    return this.width * (this.steps + 1);
  }

  /** Left edge of a step's column, from the left of the part in sight. @param {number} step */
  left(step) {
    return step * this.width - this.scroll;
  }

  /** Middle of a step's column. @param {number} step */
  middle(step) {
    return this.left(step) + this.width / 2;
  }

  /** The step whose column is there. @param {number} x From the left of the part in sight. */
  stepAt(x) {
    return Math.min(this.steps, Math.max(0, Math.floor((x + this.scroll) / this.width)));
  }

  /**
   * The steps in sight.
   * @param {number} [first] Do not begin before this one.
   */
  inSight(first = 0) {
    const from = Math.max(first, Math.floor(this.scroll / this.width));
    const to = Math.min(this.steps, Math.floor((this.scroll + this.view - 1) / this.width));
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => from + at);
  }

  /** How far to scroll so that a step is in sight; as it is where it is already. @param {number} step */
  scrollTo(step) {
    const left = this.left(step);
    if (left >= 0 && left + this.width <= this.view) return this.scroll;
    return Math.max(0, (step + 0.5) * this.width - this.view / 2);
  }
}
