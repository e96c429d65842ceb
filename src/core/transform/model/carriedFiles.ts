import type { FolderContext } from "../../checkpoint/folderContext";
import type { Part } from "../../parts/parts";
import { type ConfigChange, editConfig } from "./editConfig";
import type { CarriedFile } from "./modelOutput";

/** Settings that go with weights wherever they go. */
export const carriedParts: ReadonlySet<Part> = new Set<Part>([
  "config",
  "adapter-config",
  "generation-config",
  "tokenizer",
]);

/** A tokenizer of megabytes is usual; anything far above is none. */
const maxCarriedBytes = 100_000_000;

/**
 * Configurations and the tokenizer beside the weights, without which a loader cannot use them.
 * @param change what `config.json` must say differently.
 */
export function carriedFiles({ files }: FolderContext, change?: ConfigChange): readonly CarriedFile[] {
  return files
    .filter(
      ({ part, kind, size }) => kind === "file" && carriedParts.has(part) && (size ?? 0) <= maxCarriedBytes,
    )
    .map(({ name, path, part }) =>
      change === undefined || part !== "config"
        ? { name, path }
        : { name, path, edit: (text: string) => editConfig(text, change) },
    );
}
