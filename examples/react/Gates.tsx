/** Input field for a sequence, gates of the LSTM, and the network's answer. */

import { useState } from "react";

import type { TraceAnswer } from "./lightwell";

interface GatesProps {
  /** Address of a Lightwell server. */
  server: string;
  /** Token of the server, for the person who is signed in; left out where it needs none. */
  token?: string;
  /** Initial bits, oldest first. */
  initial: string;
}

export function Gates({ server, token, initial }: GatesProps) {
  const [sequence, setSequence] = useState(initial);
  const [step, setStep] = useState(initial.length);
  const [answer, setAnswer] = useState<TraceAnswer>();

  function change(text: string) {
    const bits = text.replace(/[^01]/g, "");
    setSequence(bits);
    setStep(bits.length);
  }

  return (
    <section>
      <label>
        Bits <input value={sequence} onChange={(event) => change(event.target.value)} />
      </label>
      <p role="status">
        {answer && `More 1s than 0s in ${answer.input.sequence}? The network says ${answer.prediction.name}.`}
        {` You look at step ${step}.`}
      </p>
      <lw-gate-trace
        server={server}
        token={token}
        sequence={sequence}
        values="input_gate,forget_gate,cell"
        step={step}
        onlw-answer={(event) => setAnswer(event.detail.answer)}
        onlw-step={(event) => setStep(event.detail.step)}
      />
    </section>
  );
}
