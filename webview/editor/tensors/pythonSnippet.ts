import type { FormatId } from "../../../src/core/formats/format";
import { pythonString } from "../../../src/core/text/pythonString";

/** A few lines of Python that load one tensor of a file, or undefined for a format without a usual way to. */
export function pythonSnippet(format: FormatId, path: string, tensor: string): string | undefined {
  if (format !== "safetensors") return undefined;
  return [
    "from safetensors import safe_open",
    "",
    `with safe_open(${pythonString(path)}, framework="pt") as f:`,
    `    tensor = f.get_tensor(${pythonString(tensor)})`,
    "",
  ].join("\n");
}
