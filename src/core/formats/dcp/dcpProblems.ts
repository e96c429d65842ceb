import type { ProblemList } from "../../problem/problemList";
import { unreadablePart } from "../../tensors/assembly";
import type { Tensor } from "../../tensors/tensor";
import { formatCount, plural } from "../../text/quantities";
import { quote } from "../../text/quote";
import { absence, type DcpFiles } from "./dcpFiles";
import { DcpItemRegion } from "./dcpItem";
import type { DcpMetadata } from "./dcpMetadata";

/**
 * One sentence for each file that is not as it should be, with how much of the model it takes along.
 * @returns the indexes of those that are cut
 */
export function reportFiles(
  files: DcpFiles,
  tensors: readonly Tensor[],
  problems: ProblemList,
): ReadonlySet<number> {
  const cut = new Set<number>();
  const hit = new Map<number, number>();
  const needed = new Map<number, number>();
  for (const { assembly } of tensors) {
    const touched = new Set<number>();
    for (const { absent, fileIndex, region } of assembly?.pieces ?? []) {
      if (absent === undefined) continue;
      touched.add(fileIndex);
      if (region instanceof DcpItemRegion) {
        const end = region.item.offset + region.item.length;
        needed.set(fileIndex, Math.max(end, needed.get(fileIndex) ?? 0));
      }
    }
    for (const fileIndex of touched) hit.set(fileIndex, (hit.get(fileIndex) ?? 0) + 1);
  }
  for (const [index, { name, path, status, bytes, rank }] of files.list.entries()) {
    const count = hit.get(index) ?? 0;
    const taken = `${plural(count, "tensor")} cannot be read whole`;
    if (status === "missing") {
      const whose = rank === undefined ? "" : `, the file of ${rank},`;
      const message = `${name}${whose} is missing: ${taken}. Copy it beside .metadata.`;
      problems.add({ severity: "error", code: "MissingShard", message, file: path });
    } else if (status === "extra") {
      const message = `${name} is not referred to by .metadata. It may be left from an earlier save of more processes.`;
      problems.add({ severity: "info", code: "ExtraShard", message, file: path });
    } else if ((needed.get(index) ?? 0) > bytes) {
      const missing = (needed.get(index) ?? 0) - bytes;
      const message = `${name} is cut at byte ${formatCount(bytes)}: ${formatCount(missing)} bytes are missing, and ${taken}.`;
      problems.add({ severity: "error", code: "CutShard", message, file: path, offset: bytes });
      cut.add(index);
    }
  }
  for (const tensor of tensors) reportTensor(tensor, files, problems);
  return cut;
}

/** What is wrong with the tensor itself, whatever its files are. */
function reportTensor(tensor: Tensor, files: DcpFiles, problems: ProblemList): void {
  const { assembly, name } = tensor;
  if (assembly === undefined) return;
  const isOfFile = assembly.pieces.some(
    ({ absent, fileIndex }) => absent !== undefined && files.list[fileIndex]?.status === "missing",
  );
  if (isOfFile && assembly.fault === undefined && assembly.unclaimed === 0) return;
  const reason = unreadablePart(tensor);
  if (reason === undefined) return;
  problems.addLazily("PartlyReadable", () => ({
    severity: "error",
    code: "PartlyReadable",
    message: `${quote(name.slice(0, 200))} cannot be read whole: ${reason}`,
    tensor: name,
  }));
}

export function reportEntries(
  { unreadable, values, items, faultyItems }: DcpMetadata,
  files: DcpFiles,
  problems: ProblemList,
  path: string,
): void {
  for (const name of [...unreadable, ...faultyItems]) {
    problems.addLazily("DamagedEntry", () => ({
      severity: "error",
      code: "DamagedEntry",
      message: `The entry ${quote(name.slice(0, 200))} of .metadata makes no sense: it is not shown.`,
      file: path,
    }));
  }
  for (const name of values) {
    const item = items.get(name);
    const absent = absence(item, item === undefined ? undefined : files.indexOf.get(item.file), files);
    if (absent === undefined) continue;
    problems.addLazily("MissingValue", () => ({
      severity: "error",
      code: "MissingValue",
      message: `The value ${quote(name.slice(0, 200))} cannot be read: ${absent}.`,
      file: path,
    }));
  }
}
