import type { FormatId } from "../formats/format";
import { formatLabel } from "../formats/formatLabel";
import type { Problem } from "../problem/problem";
import type { HealthSubject } from "./healthSubject";

const torchFormats: ReadonlySet<FormatId> = new Set<FormatId>(["torch-zip", "torch-legacy", "pickle"]);

/** Endings that one format alone has. */
const ownEndings: readonly (readonly [ending: RegExp, format: FormatId, name: string])[] = [
  [/\.safetensors$/i, "safetensors", "safetensors"],
  [/\.gguf$/i, "gguf", "GGUF"],
];

/**
 * A file whose name says another format than its bytes are of: loaders choose by the name, and stop. Whoever saved
 * with torch.save under "model.safetensors" has weights that nothing but torch.load reads.
 */
export function namedOtherwise({ checkpoint }: HealthSubject): readonly Problem[] {
  const { name, path, format, files, layout } = checkpoint;
  if (layout !== undefined || files.length > 1) return [];
  if (/\.safetensors$/i.test(name) && torchFormats.has(format)) {
    const message = `${name} is no safetensors file: torch.save wrote it. Loaders that go by the name refuse it; rename it to .bin or .pt, or convert it.`;
    return [{ severity: "error", code: "NamedOtherwise", message, file: path }];
  }
  const told = ownEndings.find(([ending, own]) => ending.test(name) && own !== format);
  if (told !== undefined && format !== "unknown") {
    const message = `${name} is no ${told[2]} file but one of ${formatLabel(format)}: loaders that go by the name refuse it. Give it the ending of what it is, or convert it.`;
    return [{ severity: "error", code: "NamedOtherwise", message, file: path }];
  }
  if (/\.(?:bin|pt|pth|ckpt)$/i.test(name) && format === "safetensors") {
    const message = `${name} is a safetensors file: loaders that go by the name call torch.load, which cannot read it. Rename it to .safetensors.`;
    return [{ severity: "warning", code: "NamedOtherwise", message, file: path }];
  }
  return [];
}
