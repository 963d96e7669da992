/** Lightwell's gate trace as React sees it: attributes, and events as `on` and their name. */

import type { DetailedHTMLProps, HTMLAttributes } from "react";

/** A part of what `/lstm/trace` answers; docs/embedding.md says the rest. */
export interface TraceAnswer {
  input: { sequence: string; ones: number };
  prediction: { label: number; name: string; probabilities: number[] };
}

interface GateTraceAttributes extends DetailedHTMLProps<HTMLAttributes<HTMLElement>, HTMLElement> {
  sequence: string;
  values?: string;
  units?: string;
  cmap?: "viridis" | "cividis" | "gray";
  server?: string;
  step?: number;
  unit?: number;
  "onlw-answer"?: (event: CustomEvent<{ answer: TraceAnswer }>) => void;
  "onlw-step"?: (event: CustomEvent<{ step: number }>) => void;
  "onlw-unit"?: (event: CustomEvent<{ unit: number }>) => void;
}

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "lw-gate-trace": GateTraceAttributes;
    }
  }
}
