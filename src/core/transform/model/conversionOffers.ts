import { CheckpointError } from "../../problem/checkpointError";
import type { CheckpointSession } from "../../session/checkpointSession";
import { type ExpertLayout, withExperts } from "./expertLayout";
import { transformersNames } from "./transformersNames";

/** What a conversion could do to names and layouts besides. */
export interface ConversionOffers {
  /** Tensors of GGUF have a name of transformers. */
  readonly names: boolean;
  /** How experts could lie instead. */
  readonly experts: readonly ExpertLayout[];
}

/** By trying it on the names and shapes alone. */
export function conversionOffers(session: CheckpointSession): ConversionOffers {
  const { tensors } = session.checkpoint;
  const named = tensors.map((tensor) => ({ name: tensor.name, tensor }));
  const layouts: readonly ExpertLayout[] = ["fused", "single"];
  return {
    names: isExact(() => transformersNames(session, tensors)),
    experts: layouts.filter((layout) => isExact(() => withExperts(session, named, layout))),
  };
}

function isExact(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof CheckpointError) return false;
    throw error;
  }
}
