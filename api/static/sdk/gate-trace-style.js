/** Style sheet of `<lw-gate-trace>`. */

import { TOKENS } from "./dom.js";

export const STYLE = `${TOKENS}
  :host {
    --_more: light-dark(#2166ac, #6aaee0);
    --_fewer: light-dark(#b2182b, #f08a76);
    display: block;
    position: relative;
    container-type: inline-size;
    min-width: 12rem;
    font-size: .8125rem;
    line-height: 1.35;
  }
  [hidden] { display: none !important; }
  .number { font-family: var(--_mono); font-variant-numeric: tabular-nums; }
  .scroller { overflow-x: auto; overflow-y: hidden; scrollbar-width: thin; }
  .stage { position: sticky; left: 0; overflow: hidden; }
  .grid { display: grid; grid-template-columns: 11.5rem minmax(0, 1fr); row-gap: .9rem; column-gap: 2.4rem; padding: 0 .25rem .25rem 0; }
  .head { display: grid; grid-template-columns: 1fr auto; align-content: start; gap: .05rem .5rem; break-after: avoid; }
  .head strong { font-weight: 600; }
  .head i { font-family: Georgia, serif; color: var(--_accent); }
  .head output { font-weight: 600; color: var(--_accent); }
  .meaning { grid-column: 1 / -1; color: var(--_muted); font-size: .75rem; }
  .head lw-colour-bar { grid-column: 1 / -1; margin-top: .3rem; min-width: 0; }
  .corner { align-content: end; text-align: right; grid-template-columns: 1fr; }
  .plot { --outline-gap: 0px; position: relative; min-width: 0; break-inside: avoid; }
  canvas + .ends + .line { margin-top: .2rem; }
  canvas, svg { display: block; width: 100%; overflow: hidden; }
  .units, .ends { position: absolute; right: 100%; width: 2.4rem; padding-right: .4rem; text-align: right; font-size: .6875rem; color: var(--_muted); }
  .units { top: 0; font-family: var(--_mono); }
  .units span { display: flex; align-items: center; justify-content: flex-end; }
  .units .followed { color: var(--_accent); font-weight: 700; }
  .units .followed::after { content: "▸"; margin-left: .1rem; }
  .ends { bottom: 0; display: flex; flex-direction: column; justify-content: space-between; line-height: 1; box-sizing: border-box; padding-block: .1rem; }
  .line polyline { fill: none; stroke: var(--_ink); stroke-width: 1.25; }
  .line circle { fill: var(--_ink); }
  .line .now { fill: var(--_accent); stroke: var(--_panel); stroke-width: 1.5; }
  .line line { stroke: var(--_line); }
  .line text { font-size: .75rem; fill: var(--_muted); }
  .line .half { stroke-dasharray: 3 3; stroke: var(--_muted); opacity: .6; }
  .line .more { fill: var(--_more); }
  .line .fewer { fill: var(--_fewer); }
  .axis text { text-anchor: middle; font: .6875rem var(--_mono); fill: var(--_muted); }
  .axis .now { fill: var(--_accent); font-weight: 700; }
  .axis .bit { font-size: .75rem; fill: var(--_ink); }
  .axis .bit.one { fill: var(--_panel); font-weight: 700; }
  .axis rect.one { fill: var(--_ink); }
  .axis rect.zero { fill: none; stroke: var(--_line); }
  .cursor { position: absolute; top: 0; bottom: 0; overflow: hidden; cursor: crosshair; touch-action: pan-x pan-y; }
  .cursor:focus-visible { outline: 2px solid var(--lw-focus, light-dark(#1d5fbf, #8ab8ff)); outline-offset: -2px; border-radius: 4px; }
  .marker, .pointed { position: absolute; top: 0; bottom: 0; left: 0; box-sizing: border-box; pointer-events: none; border-radius: 3px; }
  .marker { border: 1.5px solid var(--_accent); transition: transform .12s ease-out; }
  .pointed { border-inline: 1px solid var(--_muted); opacity: .5; }
  .hint { position: absolute; z-index: 3; display: grid; width: max-content; padding: .3rem .5rem; pointer-events: none;
    background: var(--_panel); border: 1px solid var(--_line); border-radius: 6px; box-shadow: 0 4px 16px rgb(0 0 0 / .18); font-size: .75rem; }
  .hint span { color: var(--_muted); font-family: var(--lw-font, system-ui, sans-serif); }
  [role="alert"] { margin: 0; padding: .5rem .75rem; border-left: 3px solid var(--_accent); color: var(--_ink); }
  @container (max-width: 44rem) {
    .grid { grid-template-columns: minmax(0, 1fr); row-gap: .25rem; padding-left: 2.4rem; }
    /* Above the marker of the step, whose frame would cross its numbers. */
    .head { position: relative; z-index: 1; grid-template-columns: auto minmax(0, 1fr) 9rem 3.6rem; align-items: start; margin-top: .5rem; background: var(--lw-panel, transparent); pointer-events: none; }
    .head :is(.meaning, lw-colour-bar, output) { grid-row: 1; margin: 0; }
    .head .meaning { grid-column: 2; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; line-height: inherit; }
    .head lw-colour-bar { grid-column: 3; padding-top: .3rem; }
    .head output { grid-column: 4; text-align: right; }
    .corner { display: none; }
  }
  @container (max-width: 26rem) {
    .grid { row-gap: .2rem; }
    .head { display: flex; flex-wrap: wrap; margin-top: .3rem; }
    .head .meaning { flex: 1; min-width: 5rem; white-space: normal; }
    .head output { order: 1; margin-left: auto; }
    .head lw-colour-bar { order: 2; flex: 1 0 100%; padding-top: .1rem; }
    .head.corner { display: none; }
  }
`;
