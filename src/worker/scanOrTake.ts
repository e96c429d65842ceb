import type { ScanFindings } from "../core/analysis/scanFindings";
import type { ScanChunk } from "../core/analysis/scanTable";
import { tensorsOfScan } from "../core/report/scan/readScan";
import type { CheckpointSession } from "../core/session/checkpointSession";
import type { ScanRequest } from "../protocol/numbersCalls";
import { KeptScans } from "./keptScans";
import { nodeFiles } from "./nodeFiles";
import type { NumbersPool } from "./numbers/numbersPool";
import { readScanFile } from "./readScanFile";
import { type CheckpointScan, scanCheckpoint } from "./scanCheckpoint";

/**
 * Measures every tensor, unless an earlier scan of the same files was kept, or lies in a file that is asked for. What
 * was found is kept.
 * @throws CheckpointError where the file is no scan of these files, the signal's reason when it is cancelled.
 */
export async function scanOrTake(
  session: CheckpointSession,
  pool: NumbersPool,
  { ofCodes, anew, keepIn, from }: ScanRequest,
  { listener, signal }: Pick<CheckpointScan, "listener" | "signal">,
): Promise<ScanFindings> {
  const kept = await KeptScans.of(session, ofCodes, keepIn);
  const found = anew || from !== undefined ? undefined : await kept?.find();
  if (found !== undefined) {
    for (const chunk of found.chunks) listener.onChunk(chunk);
    return { ...found.findings, earlier: { measuredMs: found.measuredMs, ...found.findings.earlier } };
  }
  const chunks: ScanChunk[] = [];
  const onChunk = (chunk: ScanChunk) => {
    chunks.push(chunk);
    listener.onChunk(chunk);
  };
  const known =
    from === undefined
      ? {}
      : {
          known: await tensorsOfScan(session, await readScanFile(from), from, (path) => nodeFiles.stat(path)),
        };
  const asked = { listener: { ...listener, onChunk }, ofCodes, signal, ...known };
  const findings = await scanCheckpoint(session, pool, asked);
  const told = from === undefined ? findings : { ...findings, earlier: { file: from } };
  await kept?.keep(chunks, told);
  return told;
}
