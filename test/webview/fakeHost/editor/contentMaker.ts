import type { CheckpointSummary } from "../../../../src/core/checkpoint/summary";
import { rootNode } from "../../../../src/core/content/contentTree";
import { settingsSections } from "../../../../src/core/content/settingsSections";
import {
  type ContentValue,
  FloatValue,
  ListValue,
  MapValue,
  TupleValue,
} from "../../../../src/core/formats/contentValue";
import type { FileContent } from "../../../../src/core/formats/format";
import { PyGlobal, PyObject } from "../../../../src/core/formats/pickle/pickleValue";
import { optimizerStates } from "../../../../src/core/optimizer/optimizerState";
import type { Tensor } from "../../../../src/core/tensors/tensor";
import { type EditorSample, layOut, summaryOf, type TensorSpec } from "./editorSample";

/** Makes values as the pickle machine would, and keeps the tensors among them. */
export class ContentMaker {
  readonly objects = new Map<ContentValue, TensorSpec>();

  tensor(name: string, shape: readonly number[], dtype = "F32"): PyObject {
    const made = new PyObject(new PyGlobal("torch._utils", "_rebuild_tensor_v2"), new TupleValue([]), false);
    this.objects.set(made, { name, dtype, shape });
    return made;
  }

  finish(root: ContentValue): { readonly content: FileContent; readonly tensors: readonly Tensor[] } {
    const tensors = layOut([...this.objects.values()]);
    const named = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    const byObject = new Map<ContentValue, Tensor>();
    for (const [object, { name }] of this.objects) byObject.set(object, named.get(name) as Tensor);
    return { content: { root, tensors: byObject }, tensors };
  }
}

export function dict(entries: readonly (readonly [ContentValue, ContentValue])[]): MapValue {
  const made = new MapValue();
  for (const [key, value] of entries) made.set(key, value);
  return made;
}

const layers = 6;
const targets = ["q_proj", "k_proj", "v_proj", "o_proj"] as const;
export const parameterNames = Array.from({ length: layers }, (_, layer) =>
  targets.flatMap((target) =>
    ["lora_A", "lora_B"].map(
      (factor) => `base_model.model.layers.${layer}.self_attn.${target}.${factor}.weight`,
    ),
  ),
).flat();

export function group(weightDecay: number, params: readonly number[]): MapValue {
  return dict([
    ["lr", new FloatValue(0.0002)],
    ["betas", new TupleValue([new FloatValue(0.9), new FloatValue(0.999)])],
    ["eps", new FloatValue(1e-8)],
    ["weight_decay", new FloatValue(weightDecay)],
    ["amsgrad", false],
    ["foreach", null],
    ["maximize", false],
    ["capturable", false],
    ["params", new ListValue([...params])],
  ]);
}

export function adamState(maker: ContentMaker, count: number, prefix: string): MapValue {
  const shape = (at: number) => (at % 2 === 0 ? [8, 256] : [256, 8]);
  return dict(
    Array.from({ length: count }, (_, at) => [
      at,
      dict([
        ["step", maker.tensor(`${prefix}state.${at}.step`, [])],
        ["exp_avg", maker.tensor(`${prefix}state.${at}.exp_avg`, shape(at))],
        ["exp_avg_sq", maker.tensor(`${prefix}state.${at}.exp_avg_sq`, shape(at))],
      ]),
    ]),
  );
}

type Given = Partial<CheckpointSummary> & Pick<CheckpointSummary, "name" | "headline" | "kind">;

export function torchSample(
  maker: ContentMaker,
  root: ContentValue,
  names: readonly string[],
  given: Given,
): EditorSample {
  const { content, tensors } = maker.finish(root);
  const optimizers = optimizerStates(content).map((optimizer) => ({
    ...optimizer,
    parameters: optimizer.parameters.map((parameter, at) => {
      const name = names[at];
      return name === undefined ? parameter : { ...parameter, name, nameInferred: true as const };
    }),
  }));
  const { type, text } = rootNode(content);
  const settings = settingsSections(content, given.kind);
  return {
    tensors,
    content,
    optimizers,
    state: {
      status: "ready",
      summary: summaryOf(tensors, (name) => name.split(".")[0], {
        path: `/home/ada/runs/tiny-lora/checkpoint-300/${given.name}`,
        format: "torch-zip",
        formatLabel: "PyTorch",
        content: { type, text },
        ...(optimizers.length > 0 ? { hasOptimizer: true as const } : {}),
        ...(settings.length > 0 ? { settings } : {}),
        imports: {
          findings: [
            { global: "torch._utils._rebuild_tensor_v2", verdict: "known", count: 144, offset: 52 },
            { global: "collections.OrderedDict", verdict: "known", count: 3, offset: 201 },
          ],
          total: 2,
          dangerous: 0,
          unknown: 0,
        },
        metadata: [],
        ...given,
      }),
    },
  };
}
