import type { Problem } from "../problem/problem";
import type { HealthSubject } from "./healthSubject";

/** Names under which one library looks for the same weights, the one that it takes first. */
const pairs: readonly (readonly [taken: string, left: string, library: string])[] = [
  ["adapter_model.safetensors", "adapter_model.bin", "PEFT"],
  ["model.safetensors", "pytorch_model.bin", "transformers"],
];

/**
 * The same weights twice in a folder, under names of which loaders take one: after another save the second may be of
 * another moment. Their values are not compared here.
 */
export function secondCopies({ checkpoint, folder }: HealthSubject): readonly Problem[] {
  const isThere = (wanted: string) =>
    folder.files.some(({ kind, name }) => kind === "file" && name === wanted);
  const own = (code: string, severity: Problem["severity"], message: string): Problem => ({
    severity,
    code,
    message,
    file: checkpoint.path,
  });
  const found = pairs
    .filter(([taken, left]) => [taken, left].includes(checkpoint.name) && isThere(taken) && isThere(left))
    .map(([taken, left, library]) => {
      const message = `${taken} and ${left} lie side by side: ${library} takes ${taken}. Whether they hold the same was not compared.`;
      return own("TwoCopies", "info", message);
    });
  const stem = /^(model|adapter_model)(?:\.safetensors(?:\.index\.json)?|-\d{5}-of-\d{5}\.safetensors)$/.exec(
    checkpoint.name,
  )?.[1];
  const shards = folder.files.filter(({ name }) => /^\w+-\d{5}-of-\d{5}\.safetensors$/.test(name));
  const ofStem = shards.filter(({ name }) => name.startsWith(`${stem}-`));
  if (stem === undefined || ofStem.length === 0 || !isThere(`${stem}.safetensors`)) return found;
  const index = `${stem}.safetensors.index.json`;
  const others = isThere(index)
    ? `, vLLM and others the ${ofStem.length} shards that ${index} names`
    : `; the ${ofStem.length} shards beside it, such as ${ofStem[0]?.name}, are named by no index`;
  const message = `${stem}.safetensors and shards of ${stem} lie side by side: transformers takes the one file${others}. One of the two is left over from another save.`;
  return [...found, own("TwoModels", "warning", message)];
}
