import type { FolderContext } from "../../checkpoint/folderContext";
import { type ConfigChange, editConfig } from "./editConfig";
import type { CarriedFile } from "./modelOutput";

/** A tokenizer of megabytes is usual; anything far above is none. */
const maxCarriedBytes = 100_000_000;

/**
 * Configurations and the tokenizer beside the weights, without which a loader cannot use them.
 * @param change what `config.json` must say differently.
 */
export function carriedFiles({ files }: FolderContext, change?: ConfigChange): readonly CarriedFile[] {
  return files
    .filter(
      ({ part, kind, size }) =>
        kind === "file" &&
        (part === "config" ||
          part === "adapter-config" ||
          part === "generation-config" ||
          part === "tokenizer") &&
        (size ?? 0) <= maxCarriedBytes,
    )
    .map(({ name, path, part }) =>
      change === undefined || part !== "config"
        ? { name, path }
        : { name, path, edit: (text: string) => editConfig(text, change) },
    );
}
