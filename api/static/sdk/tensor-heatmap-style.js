/** Style sheet of `<lw-tensor-heatmap>`. */

import { sheet, TOKENS } from "./dom.js";

export const STYLE = sheet(`${TOKENS}
  :host { display: block; position: relative; font-size: .75rem; }
  .frame { position: relative; outline: none; }
  .frame:focus-visible { outline: 2px solid var(--focus, var(--_accent)); outline-offset: 3px; border-radius: 2px; }
  canvas { display: block; image-rendering: pixelated; cursor: crosshair; }
  [role="option"], .mark { position: absolute; pointer-events: none; border-radius: 1px; }
  [role="option"][aria-selected="true"] { outline: 3px solid var(--_accent); box-shadow: 0 0 0 4.5px var(--_panel); z-index: 1; }
  :host([faint]) [role="option"][aria-selected="true"] { outline: 1.5px solid var(--_accent); box-shadow: none; }
  .hovered { outline: 1px solid var(--_ink); }
  .frame:focus-visible .active { outline: 2px solid var(--focus, var(--_accent)); z-index: 2; }
  .mark { outline: 1.5px solid var(--_accent); box-shadow: 0 0 0 2.5px rgb(0 0 0 / .45); }
  .cursor { outline: 1.5px solid #fff; box-shadow: 0 0 0 2.5px rgb(0 0 0 / .6); }
  .axes.shown { display: grid; grid-template-columns: 44px max-content; }
  .ticks { position: relative; color: var(--_muted); font-family: var(--_mono); font-size: .6875rem; line-height: 1; }
  .ticks[hidden] { display: none; }
  .ticks span, .ticks b { position: absolute; white-space: nowrap; font-weight: 400; }
  .ticks.rows span { inset-inline-end: 5px; transform: translateY(-50%); }
  .ticks.rows b { left: 0; top: 50%; writing-mode: vertical-rl; transform: translateY(-50%) rotate(180deg); }
  .ticks.columns { grid-column: 2; block-size: 32px; }
  .ticks.columns span { inset-block-start: 4px; transform: translateX(-50%); }
  .ticks.columns b { inset-block-start: 18px; inset-inline-start: 50%; transform: translateX(-50%); }
  .bar { margin-block-start: .5rem; }
  lw-colour-bar { display: block; min-width: 0; }
  .note { margin: .4rem 0 0; color: var(--_muted); }
  .error { margin: 0; padding: .5rem .7rem; border-inline-start: 3px solid var(--_accent); }
  .tip {
    position: fixed; z-index: 30; pointer-events: none; padding: .2rem .45rem; border-radius: 5px; white-space: nowrap;
    background: light-dark(#1e1c18, #f2eee6); color: light-dark(#f7f4ee, #1b1813); font-family: var(--_mono);
    transform: translate(-50%, calc(-100% - 12px)); box-shadow: 0 2px 10px rgb(0 0 0 / .25);
  }
  .for-listeners { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
`);
