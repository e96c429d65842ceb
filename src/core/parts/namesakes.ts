import { baseName } from "../bytes/paths";
import { mainFile, type PartFile } from "./parts";

const ending = /\.(?:pt|pth|ckpt|bin|safetensors)(?:\.tar)?$/i;
const optimizerWord = /[._-]?optim(?:izer)?(?=[._-]|$)/i;
const modelWord = /[._-]?(?:model|net|network|weights|state_dict)(?=[._-]|$)/i;

/** What is left of a name without its ending, the word for its part, and the number of one of several. */
function stem(name: string, word: RegExp): string {
  return baseName(name)
    .replace(ending, "")
    .replace(word, "")
    .replace(/^[._-]+|[._-]*\d*$/g, "")
    .toLowerCase();
}

/**
 * Which of several files of optimizers belong to a file of weights: `policy.optimizer.pth` to `policy.pth`, and not to
 * the `critic.pth` beside it. Those that name no model belong to whatever is there; none where all name others.
 */
export function optimizersOf<T extends { readonly name: string }>(
  model: string,
  all: readonly T[],
): readonly T[] {
  const own = all.filter(({ name }) => stem(name, optimizerWord) === stem(model, modelWord));
  return own.length > 0 ? own : all.filter(({ name }) => stem(name, optimizerWord) === "");
}

/** The file of weights in a folder that an optimizer's file names, else the main one beside it; so of any other part. */
export function modelOf(file: string, entries: readonly PartFile[]): string | undefined {
  const others = entries.filter(({ name }) => name !== baseName(file));
  const named = others.find(
    ({ name, kind, part }) =>
      kind === "file" &&
      part === "weights" &&
      optimizerWord.test(baseName(file)) &&
      stem(name, modelWord) === stem(file, optimizerWord),
  );
  return named?.name ?? mainFile(others);
}
