import { expect } from "vitest";
import type { LogCursor, LogFormatId, LogRead } from "../../../../src/core/runs/logs/logFormat";
import { logFormatOf } from "../../../../src/core/runs/logs/logFormats";
import { MemoryFiles } from "../../../support/memoryFiles";

export type Points = Record<string, [step: number, value: number][]>;

export const path = "/ws/log";

export function toBytes(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

export async function readLog(
  format: LogFormatId,
  content: string | Uint8Array,
  { from, atRest = true }: { from?: LogCursor; atRest?: boolean } = {},
): Promise<LogRead> {
  const files = new MemoryFiles({ [path]: content });
  return await logFormatOf(format).read({ files, path }, from, { atRest });
}

export function pointsOf({ points }: LogRead): Points {
  return Object.fromEntries(
    [...points.columns].map(([key, columns]) => [
      key,
      [...columns.steps].map((step, index): [number, number] => [step, columns.values[index] ?? Number.NaN]),
    ]),
  );
}

export async function pointsIn(format: LogFormatId, content: string | Uint8Array): Promise<Points> {
  return pointsOf(await readLog(format, content));
}

export const codesOf = ({ problems }: LogRead) => problems.map(({ code }) => code);

/**
 * Reads every beginning of a file as one that was cut: nothing throws, and what stands before the cut is
 * there.
 */
export async function expectEveryCutReads(format: LogFormatId, content: string | Uint8Array): Promise<void> {
  const bytes = toBytes(content);
  const whole = await pointsIn(format, bytes);
  for (let length = 0; length < bytes.length; length++) {
    const cut = await pointsIn(format, bytes.slice(0, length));
    for (const [key, points] of Object.entries(cut)) {
      const expected = whole[key] ?? [];
      // The last row of a text may be cut inside a number, or inside a name.
      const sure = Math.max(0, points.length - 1);
      expect(points.slice(0, sure)).toEqual(expected.slice(0, sure));
    }
  }
}

/**
 * Reads a file that grows as at some moments it was, each time from where the read before ended: together it
 * is what one read of the whole gives.
 */
export async function expectGrowthReads(
  format: LogFormatId,
  content: string | Uint8Array,
  lengths: readonly number[],
): Promise<void> {
  const bytes = toBytes(content);
  const whole = await readLog(format, bytes);
  const grown: Points = {};
  let from: LogCursor | undefined;
  for (const length of [...lengths.map((one) => Math.min(one, bytes.length)), bytes.length].sort(
    (a, b) => a - b,
  )) {
    const atRest = length === bytes.length;
    const read = await readLog(format, bytes.slice(0, length), {
      atRest,
      ...(from === undefined ? {} : { from }),
    });
    expect(read.restarted).toBe(false);
    from = read.cursor;
    for (const [key, points] of Object.entries(pointsOf(read)))
      grown[key] = [...(grown[key] ?? []), ...points];
  }
  const { points: _, ...report } = whole;
  expect(Object.fromEntries(Object.entries(grown).filter(([, points]) => points.length > 0))).toEqual(
    pointsOf(whole),
  );
  expect(report.problems).toBeDefined();
}
