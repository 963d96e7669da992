/** Sequence view: the request of a panel for the sequence on display. */

import { weightsFor } from "../checkpoints.js";
import { sequenceKind } from "./sequence-kind.js";

/**
 * @param {{ model: import("../context.js").Model, store: import("../store.js").StateStore }} context
 * @param {string} probe
 * @param {import("../../sdk/client.js").Parameters} [parameters]
 * @param {Record<string, any>} [extra] Extra fields of the body, next to the sequence.
 * @returns {import("../context.js").View}
 */
export function sequenceView({ model, store }, probe, parameters = {}, extra) {
  const kind = sequenceKind(model);
  const { sequence } = store.state;
  return {
    name: `${model.name}-${probe}`,
    model: model.name,
    probe,
    input: kind.input(sequence),
    written: { sequence: kind.field(sequence) },
    parameters: { ...parameters, ...weightsFor(model, store.state, probe) },
    extra,
  };
}
