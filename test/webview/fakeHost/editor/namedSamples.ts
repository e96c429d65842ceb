import { moduleShares } from "../../../../src/core/checkpoint/composition";
import type { LoraModuleRow } from "../../../../src/core/session/loraView";
import { separatorOf } from "../../../../src/core/tensors/nameOrder";
import { elementCount } from "../../../../src/core/tensors/tensor";
import { type NameList, realNames } from "../realNames";
import { adapterSample } from "./adapterSample";
import { type EditorSample, layOut, summaryOf } from "./editorSample";

/** A file whose tensors have the names of a list. */
export function namedModel(list: NameList): EditorSample {
  const tensors = layOut(realNames[list].map((name) => ({ name, dtype: "BF16", shape: [64, 64] })));
  const name = "model.safetensors";
  const counts = Float64Array.from(tensors, ({ shape }) => elementCount(shape));
  const composition = moduleShares(tensors, counts, separatorOf(realNames[list]));
  return {
    tensors,
    state: {
      status: "ready",
      summary: {
        ...summaryOf(tensors, () => undefined, { name, path: `/data/${name}`, headline: [list] }),
        composition,
      },
    },
  };
}

/** The same for an adapter, with the numbers of its modules. */
export function namedAdapter(list: NameList): EditorSample {
  const { lora } = adapterSample();
  const named = namedModel(list);
  const [row] = lora?.modules ?? [];
  if (lora === undefined || row === undefined || named.state.status !== "ready") return named;
  const modules = new Set(realNames[list].map((name) => name.replace(/\.(?:lora_.*|alpha)$/, "")));
  return {
    ...named,
    state: {
      ...named.state,
      summary: {
        ...named.state.summary,
        kind: "adapter",
        adapter: { method: "LoRA", baseModel: undefined, moduleCount: modules.size, comparable: true },
      },
    },
    lora: { ...lora, modules: [...modules].map((module): LoraModuleRow => ({ ...row, module })) },
  };
}
