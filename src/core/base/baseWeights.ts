import { modulePath } from "../adapter/loraKey";
import type { LoraModule } from "../adapter/loraModule";
import type { Checkpoint } from "../checkpoint/checkpoint";
import { canonicalName } from "../names/canonicalName";
import { savedNames } from "../names/savedNames";
import { elementCount, type Tensor } from "../tensors/tensor";

/** The base keeps a weight as ΔW, or turned: embeddings, and GPT-2's Conv1D. */
export function fits({ inFeatures, outFeatures }: LoraModule, { shape }: Tensor): boolean {
  const [rows = 0, ...rest] = shape;
  const cols = elementCount(rest);
  return (rows === outFeatures && cols === inFeatures) || (rows === inFeatures && cols === outFeatures);
}

/** What people call the base: its folder. */
export function nameOfBase({ folder, name }: Pick<Checkpoint, "folder" | "name">): string {
  return folder.split(/[\\/]/).at(-1) ?? name;
}

/** What a tied head is. */
export const inputEmbedding = /(?:^|\.)(?:embed_tokens|wte)$/;

/** Finds a module's weight by path, whatever wrapper, nesting or dialect either file is in. */
export class BaseWeights {
  private readonly byPath = new Map<string, Tensor>();
  /** Undefined where two weights have one canonical name: then it tells neither. */
  private readonly byCanonical = new Map<string, Tensor | undefined>();
  private readonly byEnding = new Map<string, Tensor | undefined>();
  private tied: Tensor | undefined;

  /** @param nameOf what a weight goes by in the model; its own name, unless the model lies inside of something else. */
  constructor(tensors: readonly Tensor[], nameOf = ({ name }: Tensor) => name) {
    for (const tensor of tensors) {
      const path = modulePath(nameOf(tensor)).replace(/\.weight$/, "");
      this.byPath.set(path, tensor);
      if (inputEmbedding.test(path)) this.tied ??= tensor;
      addUnique(this.byCanonical, canonicalName(path), tensor);
      addUnique(this.byEnding, path.slice(path.indexOf(".") + 1), tensor);
    }
  }

  find(module: string): Tensor | undefined {
    return (
      this.byPath.get(module) ??
      this.byCanonical.get(canonicalName(module)) ??
      // `backbone.layers…` in one file and `layers…` in the other.
      this.byPath.get(module.slice(module.indexOf(".") + 1)) ??
      this.byEnding.get(module) ??
      this.byPath.get(savedNames(module).find((name) => this.byPath.has(name)) ?? module)
    );
  }

  /** The same, and the embedding for a head that is tied to it and in no file of its own. */
  findOrTied(module: string): Tensor | undefined {
    return this.find(module) ?? (module === "lm_head" ? this.tied : undefined);
  }
}

function addUnique(map: Map<string, Tensor | undefined>, key: string, tensor: Tensor): void {
  map.set(key, map.has(key) ? undefined : tensor);
}
