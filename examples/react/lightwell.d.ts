/** Types of `<lw-gate-trace>` for React: attributes, and events as `on` followed by their name. */

import type { DetailedHTMLProps, HTMLAttributes } from "react";

/** Part of the response of `/lstm/trace`; docs/http.md describes the rest. */
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
  token?: string;
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
