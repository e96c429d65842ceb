import type { RunCheckpoint } from "../run";

/** What a checkpoint is, as far as its files' names tell. */
export type CheckpointForm = "unreadable" | "adapter" | "model" | "file";

/** What a command asks for. */
export type CheckpointUse = "reading" | "adapter" | "model" | "conversion";

export function checkpointForm({ kind, mainFile, parts }: RunCheckpoint): CheckpointForm {
  if (mainFile === undefined) return "unreadable";
  if (parts.some(({ part }) => part === "adapter")) return "adapter";
  // Of a single file only its tensors say whether it is an adapter.
  return kind === "file" ? "file" : "model";
}

/** It is in another format than safetensors. */
export function isConvertible({ mainFile }: RunCheckpoint): boolean {
  return mainFile !== undefined && !/\.safetensors(?:\.index\.json)?$/.test(mainFile);
}

/** Whether it can serve; what only its tensors tell counts as yes. */
export function canServe(use: CheckpointUse, checkpoint: RunCheckpoint): boolean {
  const form = checkpointForm(checkpoint);
  switch (use) {
    case "reading":
      return form !== "unreadable";
    case "adapter":
      return form === "adapter" || form === "file";
    case "model":
      return form === "model" || form === "file";
    case "conversion":
      return isConvertible(checkpoint);
  }
}
