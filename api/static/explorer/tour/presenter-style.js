/** Style sheet of presenter mode: large type, and no controls but those that a tour asks for. */

export const PRESENTER = `
  [data-present] :is(.top, footer, .lead, .model-facts, .model-picker, .tour-start, .training, .downloads, .finder, .before, .forward-open, .step-open),
  [data-present] :is(#draw > .explain, #arithmetic > .explain, #answer > .explain, #lanes .explain, #lanes-body label, #lanes > header select, .pad-tools, .seen-words label),
  [data-present] :is(#bits-body > :is(.typed, .chips, .preset-why), #bits-body > .row:has(.length), .bar-heading, .bar-calibrated) { display: none; }
  [data-present] .chapter { padding-top: .4rem; }
  [data-present] .chapter-head h1 { font-size: 2rem; }
  [data-present] .panel h2 { font-size: 1.25rem; }
  [data-present] .panel h3 { font-size: 1.0625rem; }
  [data-present] .panel > .explain { font-size: 1.0625rem; }
  [data-present] :is(.quiet, .choice) { font-size: .9375rem; }

  [data-present] .stage h3 { font-size: .9375rem; }
  [data-present] .stage > header, [data-present] .stage .quiet { font-size: .8125rem; }
  [data-present] .outputs button { min-height: 1.75rem; font-size: 1.125rem; }
  [data-present] .outputs .share { font-size: .75rem; }
  [data-present] .bars li, [data-present] .has-calibrated .bars li { grid-template-columns: calc(1.35 * var(--bar-name, 1.1rem)) minmax(0, 1fr) 4.4rem; padding-block: .1rem; }
  [data-present] .bar-name { font-size: 1.25rem; }
  [data-present] .bar-track { height: 1rem; }
  [data-present] .bar-value { font-size: 1.0625rem; }
  [data-present] .bar-axis, [data-present] .has-calibrated .bar-axis { margin-inline: calc(1.35 * var(--bar-name, 1.1rem) + .4rem) 4.8rem; font-size: .875rem; }
  [data-present] #reliability { font-size: .875rem; }
  [data-present] .seen-words { font-size: .8125rem; }
  [data-present] [data-toured] .seen-words { font-size: 1rem; }

  [data-present] .channel-picker :is(.chip, .stepper input) { min-height: 1.9rem; font-size: .9375rem; }
  [data-present] .inspector-value .number { font-size: 2rem; }
  [data-present] :is(.inspector-stats, .inspector-input .quiet, .inspector-kernel .quiet, .inspector-map .quiet, .about-layer, .legend) { font-size: .9375rem; }
  [data-present] .inspector-map label { display: none; }
  [data-present] .arithmetic-sum { font-size: 1.25rem; }
  [data-present] .arithmetic-steps { font-size: 1.0625rem; }
  [data-present] .contributions :is(button, data) { font-size: 1rem; }
  [data-present] .contributions li:not(.rest) { grid-template-columns: 3rem auto minmax(2rem, 1fr) 5rem; }

  [data-present] .verdict { font-size: 1.125rem; }
  [data-present] .verdict strong { font-size: 2rem; }
  [data-present] .bit { min-width: 2.1rem; min-height: 2.3rem; font-size: 1.25rem; }
  [data-present] #bits .row > button { min-height: 2rem; font-size: 1rem; }
  [data-present] .units-bar .chip { min-height: 1.8rem; font-size: .9375rem; }
  [data-present] .step-text { font-size: 1rem; }
  [data-present] lw-gate-trace { font-size: 1rem; }
  [data-present] .gates li { grid-template-columns: 7rem 1fr 4.6rem; font-size: 1.0625rem; }
  [data-present] .gates data { font-size: 1.0625rem; }
  [data-present] .gate-says { font-size: .9375rem; }
  [data-present] .equation { font-size: 1rem; }
  [data-present] .equation strong { font-size: 1.25rem; }
  [data-present] .named small { font-size: .8125rem; }
  [data-present] .tab { min-height: 2.5rem; font-size: 1.0625rem; }

  [data-present] .tour { grid-template: "head controls" auto "says says" 1fr / minmax(0, 1fr) auto; width: min(80rem, 100vw - 1.2rem); padding: .5rem 1.2rem .8rem; }
  [data-present] .tour-head { font-size: 1rem; }
  [data-present] .tour-says { font-size: clamp(1.25rem, .8rem + 1vw, 2.1rem); }
  [data-present] .tour-controls :not(.tour-present) { display: none; }
  [data-present] .tour-present { min-height: 0; padding-block: 0; font-size: .8125rem; color: var(--muted); }

  @media (max-width: 40rem) {
    [data-present] .tour { grid-template: "head controls" auto "says says" 1fr / minmax(0, 1fr) auto; padding: .4rem .7rem .6rem; }
  }
`;
