import { parentPath } from "../bytes/paths";
import { checkpointIdentity } from "../checkpoint/identity";
import { pythonString } from "../text/pythonString";

/** Python that loads a checkpoint, to paste into a notebook. Adapters load through PEFT, the rest as tensors. */
export function pythonLoadSnippet(mainFile: string): string {
  if (/adapter_model\.safetensors$/.test(mainFile)) {
    return [
      "from peft import AutoPeftModelForCausalLM",
      "",
      `model = AutoPeftModelForCausalLM.from_pretrained(${pythonString(parentPath(mainFile))})`,
    ].join("\n");
  }
  if (mainFile.endsWith(".index.json")) {
    return [
      "from transformers import AutoModelForCausalLM",
      "",
      `model = AutoModelForCausalLM.from_pretrained(${pythonString(checkpointIdentity(mainFile))})`,
    ].join("\n");
  }
  return [
    "from safetensors.torch import load_file",
    "",
    `tensors = load_file(${pythonString(mainFile)})`,
  ].join("\n");
}
