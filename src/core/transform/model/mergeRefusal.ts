import type { Adapter } from "../../adapter/adapter";
import { isExpertOrderUntold } from "../../adapter/expertColumns";
import type { LoraLayout } from "../../adapter/factorLayout";
import { methodName, whyNotMerged } from "../../adapter/methods/methodTable";
import { baseChangedBy, isToldByStart } from "../../adapter/modifiedBase";
import { isTokenRows } from "../../adapter/trainableTokens";
import type { Checkpoint } from "../../checkpoint/checkpoint";
import { CheckpointError } from "../../problem/checkpointError";
import type { CheckpointSession } from "../../session/checkpointSession";
import type { Tensor } from "../../tensors/tensor";
import { plural } from "../../text/quantities";

/** No ΔW of a whole weight that a program would add to it: QALoRA's, parts of a fused layer, and what PEFT cannot read. */
const unmerged: ReadonlySet<LoraLayout> = new Set(["pooled", "slice", "transposed"]);

/**
 * An adapter of which every part can be added to a base by an exact rule.
 * @param isRelative what it was before training is taken away again, so that the base need not be the changed one.
 * @throws CheckpointError `NotMergeable` with what cannot, and what to do.
 */
export function mergeableAdapter(session: CheckpointSession, isRelative = false): Adapter {
  const { adapter, adapterConfig, checkpoint } = session;
  const refuse = (message: string) => notMergeable(session, message);
  if (adapter === undefined) throw refuse(`${checkpoint.name} is no adapter.`);
  if (adapter.carriesModel)
    throw refuse(`${checkpoint.name} is a whole model with adapters in it; merging takes an adapter alone.`);
  const others = adapter.otherTensors.filter((tensor) => !isTokenRows(tensor));
  const hasRows = others.length < adapter.otherTensors.length;
  if (adapter.modules.length === 0 && !(hasRows && others.length === 0))
    throw refuse(`${methodName(adapter.method)} has no ΔW that could be added to a weight.`);
  const reason = hasRows && others.length === 0 ? undefined : whyNotMerged(adapter.method);
  if (reason !== undefined) throw refuse(`${methodName(adapter.method)} ${reason}.`);
  const [activated, routed] = [adapterConfig?.isActivated === true, adapterConfig?.isRouted === true];
  if (activated || routed)
    throw refuse(
      `It is applied ${activated ? "from its invocation tokens on" : "by a router"} only, not to every input as a merged weight is.`,
    );
  if ((adapterConfig?.layerRanges.length ?? 0) > 0)
    throw refuse(
      "Its model repeats layers of the base (layer_replication), each with an update of its own, for which the base has one weight.",
    );
  const other = adapter.modules.find(({ layout }) => unmerged.has(layout));
  if (other !== undefined)
    throw refuse(
      `${other.module} is no plain product of two factors for one weight (${other.layout}), for which there is no rule here.`,
    );
  if (isExpertOrderUntold(adapterConfig, adapter.modules))
    throw refuse(
      'unsloth trained it, and until September 2026 with another order of the experts in lora_B than PEFT\'s; which one stands here is not told. Say it in adapter_config.json: "lora_B_layout": "grouped_by_expert" (before) or "rank_major".',
    );
  const init = baseChangedBy(adapterConfig, adapter.modules);
  if (init !== undefined && !isToldByStart(init))
    throw refuse(
      `${init} took the smallest singular directions out of each base weight before training, which no adapter holds. Merge it with PEFT, which takes them out again.`,
    );
  if (init !== undefined && !isRelative)
    throw refuse(
      `It was initialised by ${init}, so that its factors belong to a base that was changed at the start, not to the original one. Name the adapter as it was before training (--initial DIR), or save it converted (PEFT: save_pretrained(…, path_initial_model_for_weight_conversion=…)) and merge that.`,
    );
  const parts: readonly (readonly [string, readonly Tensor[]])[] = [
    ["tensors of another method", others],
    ["factors without a partner", adapter.unpaired],
  ];
  for (const [what, tensors] of parts) {
    const [first] = tensors;
    if (first === undefined) continue;
    throw refuse(
      `It holds ${what}, which are not merged here: ${plural(tensors.length, "tensor")}, e.g. ${first.name}.`,
    );
  }
  return adapter;
}

export function notMergeable(
  { checkpoint }: { readonly checkpoint: Pick<Checkpoint, "path"> },
  message: string,
): CheckpointError {
  return new CheckpointError("NotMergeable", message, undefined, checkpoint.path);
}
