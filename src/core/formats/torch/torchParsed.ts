import type { ByteSource } from "../../bytes/byteSource";
import type { Problem } from "../../problem/problem";
import type { FormatId, ParsedFile } from "../format";
import { type ImportFinding, importProblems, mergeImports } from "../importFinding";
import { Look } from "../inside/look";
import { describePickled } from "./describePickled";
import { readContent } from "./torchContent";
import type { TorchStream } from "./torchStream";

export interface ParsedExtras {
  readonly format?: FormatId;
  readonly metadata?: ReadonlyMap<string, string>;
  readonly problems?: readonly Problem[];
  /** A look at the rest of the file that was begun. */
  readonly look?: Look;
}

/** What a reader gives for a file whose pickle was read. */
export async function parsedFile(
  file: ByteSource,
  stream: TorchStream,
  extras: ParsedExtras,
  signal?: AbortSignal,
): Promise<ParsedFile> {
  const look = extras.look ?? new Look(file.size, signal);
  const content = await readContent(file, stream, look, signal);
  const imports = mergeImports([...content.imports, ...look.imports]);
  return {
    ...(extras.format === undefined ? {} : { format: extras.format }),
    tensors: content.tensors,
    metadata: extras.metadata ?? new Map(),
    aliases: new Map(),
    content: { root: stream.root, tensors: content.byObject, describe: describePickled },
    imports,
    problems: [
      ...importProblems(imports),
      ...content.problems,
      ...look.foundProblems,
      ...(extras.problems ?? []),
    ],
  };
}

/** A file in which nothing but its imports can be shown. */
export function parsedImports(
  found: readonly ImportFinding[],
  problems: readonly Problem[],
  format: FormatId,
): ParsedFile {
  const imports = mergeImports(found);
  return {
    format,
    tensors: [],
    metadata: new Map(),
    aliases: new Map(),
    imports,
    problems: [...importProblems(imports), ...problems],
  };
}
