/** Style sheet of the tour. */

export const STYLE = `
  body:has(> .tour) { padding-bottom: 14rem; }
  .tour {
    position: fixed;
    left: 50%;
    bottom: .6rem;
    z-index: 15;
    display: grid;
    grid-template: "head controls" auto "says controls" 1fr / minmax(0, 1fr) auto;
    gap: .15rem 1.25rem;
    width: min(64rem, 100vw - 1.2rem);
    padding: .6rem .9rem .7rem;
    transform: translateX(-50%);
    background: var(--panel);
    border: 2px solid var(--accent);
    border-radius: var(--radius);
    box-shadow: 0 6px 28px rgb(0 0 0 / .28);
  }
  .tour:focus-visible { outline-offset: -2px; border-radius: var(--radius); }
  .tour-head { grid-area: head; display: flex; flex-wrap: wrap; gap: 0 .9rem; font-size: .8125rem; color: var(--muted); }
  .tour-status { font-weight: 600; color: var(--accent); }
  .tour-says { grid-area: says; }
  .tour-text { line-height: 1.4; text-wrap: pretty; }
  .tour-ask { margin-top: .1rem; font-weight: 600; line-height: 1.4; }
  .tour-controls { grid-area: controls; display: flex; flex-wrap: wrap; align-content: center; justify-content: flex-end; gap: .4rem; max-width: 13.5rem; }
  .tour-controls button { flex: 1 0 auto; font-size: .875rem; }
  .tour.is-done .tour-next:not(:disabled) { background: var(--accent); border-color: var(--accent); color: var(--accent-ink); font-weight: 600; }
  .is-done .tour-ask { color: var(--muted); font-weight: 400; }

  @media (max-width: 40rem) {
    .tour { grid-template: "head" "says" "controls" / minmax(0, 1fr); gap: .2rem; padding: .5rem .7rem .6rem; }
    .tour-controls { max-width: none; flex-wrap: nowrap; margin-top: .25rem; }
    .tour-controls button { padding-inline: .35rem; white-space: nowrap; }
  }
`;
