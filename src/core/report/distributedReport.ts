import type { RankCell, RankMap } from "../checkpoint/rankMap";
import type { CheckpointSummary, DistributedSummary } from "../checkpoint/summary";
import type { CheckpointFile } from "../formats/checkpointFile";
import { printable } from "../text/printable";
import { formatBytes, formatCount, plural } from "../text/quantities";
import { plainTable } from "./textTable";

/** The `distributed` of `inspect --json`: what several processes saved, file by file. */
export function distributedReport({ distributed, files }: CheckpointSummary) {
  if (distributed === undefined) return {};
  const { label, worldSize, parallel, states, pieces, partlyReadable, unreadable, load } = distributed;
  return {
    distributed: {
      label,
      ...(worldSize === undefined ? {} : { worldSize }),
      ...(parallel.length === 0
        ? {}
        : { parallel: Object.fromEntries(parallel.map(({ name, size }) => [name, size])) }),
      states,
      pieces,
      partlyReadable,
      unreadable,
      files: files.map(({ name, rank, status, bytes }) => ({
        name,
        ...(rank === undefined ? {} : { rank }),
        status,
        byteSize: bytes,
      })),
      ...(load === undefined ? {} : { load }),
    },
  };
}

/** Ranks that are listed one by one where all is well. */
const shownRanks = 16;

/** The same for people: the layout, the sizes, the ranks by their files, and how it is loaded. */
export function distributedText({ distributed, tensorCount }: CheckpointSummary): readonly string[] {
  if (distributed === undefined) return [];
  const { states, ranks, load } = distributed;
  return [
    [
      `Distributed: ${printable(distributed.title)}${layoutText(distributed)}`,
      ...states.map(
        ({ state, tensors, bytes }) => `  ${state}: ${plural(tensors, "tensor")}, ${formatBytes(bytes)}`,
      ),
      ...readable(distributed, tensorCount),
    ].join("\n"),
    ...(ranks === undefined ? [] : [ranksText(ranks)]),
    ...(load === undefined ? [] : [loadText(load)]),
  ];
}

function layoutText({ parallel, pieces, mostPieces }: DistributedSummary): string {
  const told = [
    ...parallel.map(({ name, size }) => `${printable(name)} ${formatCount(size)}`),
    ...(mostPieces > 1 ? [`${plural(pieces, "piece")}, up to ${formatCount(mostPieces)} a tensor`] : []),
  ];
  return told.length === 0 ? "" : ` (${told.join(", ")})`;
}

function readable({ partlyReadable, unreadable }: DistributedSummary, tensors: number): readonly string[] {
  if (partlyReadable + unreadable === 0) return [];
  const whole = tensors - partlyReadable - unreadable;
  return [
    `  ${formatCount(whole)} of ${plural(tensors, "tensor")} can be read whole, ${formatCount(partlyReadable)} in part, ${formatCount(unreadable)} not at all`,
  ];
}

const statusWords: Record<CheckpointFile["status"], string> = {
  ok: "",
  broken: "cut or unreadable",
  missing: "MISSING",
  extra: "left over",
};

function ranksText({ kinds, rows }: RankMap): string {
  const isOdd = ({ cells }: RankMap["rows"][number]) => cells.some((cell) => cell && cell.status !== "ok");
  const shown = rows.length <= shownRanks ? rows : rows.filter(isOdd).slice(0, shownRanks);
  const table = plainTable(
    ["Rank", ...kinds],
    shown.map(({ rank, cells }) => [rank, ...cells.map(cellText)]),
  );
  const left = rows.length - shown.length;
  if (shown.length === 0) return `${plural(rows.length, "rank")}, all with their files.`;
  return left === 0 ? table : `${table}\n${plural(left, "rank")} more with all files.`;
}

function cellText(cell: RankCell | undefined): string {
  if (cell === undefined) return "-";
  const count = cell.files > 1 ? `${formatCount(cell.files)} files, ` : "";
  const word = statusWords[cell.status];
  if (cell.status === "missing") return `${count}${word}`;
  return `${count}${formatBytes(cell.bytes)}${word === "" ? "" : ` ${word}`}`;
}

function loadText({ sentence, snippet }: NonNullable<DistributedSummary["load"]>): string {
  const lines = snippet === undefined ? [] : snippet.split("\n").map((line) => `    ${printable(line)}`);
  return [`Load: ${printable(sentence)}`, ...lines].join("\n");
}
