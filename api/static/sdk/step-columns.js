/** Step columns: horizontal layout of the steps, one column each from step 0, shared by all lanes. */

const NARROWEST = 6;
const NARROW = 13;
const WIDEST = 52;
/** Up to this many steps each column is wide enough for the digit of its bit. */
const READABLE = 256;

/** Columns of equal width, of which the view shows a part. All lengths are CSS pixels. */
export class StepColumns {
  /** Number of steps after step 0. */
  steps = 0;
  /** Width of a column. */
  width = WIDEST;
  /** Scrolled distance. */
  scroll = 0;
  /** Width of the visible part. */
  view = 0;

  /**
   * Choose the width of a column: all steps fill the view, unless that makes columns too narrow.
   * @param {number} steps
   * @param {number} view
   * @param {{ isWhole?: boolean }} [options] `isWhole`: paper cannot be scrolled, so all steps are in view, however narrow.
   */
  fit(steps, view, { isWhole = false } = {}) {
    this.steps = steps;
    this.view = view;
    const least = steps <= READABLE ? NARROW : NARROWEST;
    const share = view / (steps + 1);
    this.width = isWhole && share < least ? share : Math.floor(Math.min(WIDEST, Math.max(least, share)));
  }

  /** Width of all columns. */
  get total() {
    return this.width * (this.steps + 1);
  }

  /** Left side of a step's column, from the left of the view. @param {number} step */
  left(step) {
    return step * this.width - this.scroll;
  }

  /** Middle of a step's column. @param {number} step */
  middle(step) {
    return this.left(step) + this.width / 2;
  }

  /** Step of the column at a position. @param {number} x From the left of the view. */
  stepAt(x) {
    return Math.min(this.steps, Math.max(0, Math.floor((x + this.scroll) / this.width)));
  }

  /**
   * Steps whose columns are visible.
   * @param {number} [first] Least step of the result.
   */
  inSight(first = 0) {
    const from = Math.max(first, Math.floor(this.scroll / this.width));
    const to = Math.min(this.steps, Math.ceil((this.scroll + this.view) / this.width) - 1);
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => from + at);
  }

  /** Scroll position that shows a step; the current one where it is visible already. @param {number} step */
  scrollTo(step) {
    const left = this.left(step);
    if (left >= 0 && left + this.width <= this.view) return this.scroll;
    return Math.max(0, (step + 0.5) * this.width - this.view / 2);
  }
}
