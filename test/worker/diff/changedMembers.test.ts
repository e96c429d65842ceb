import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { changedMembers } from "../../../src/worker/diff/changedMembers";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";

/** torch.save wrote it, with the CRC-32 of each member in its directory. */
const saved = readFileSync(join(projectRoot, "test/fixtures/torch/dtypes.pt"));

async function changedIn(bytes: Uint8Array) {
  const files = new MemoryFiles({ "/m/model.pt": bytes });
  return changedMembers(await CheckpointSession.open(files, "/m/model.pt", () => undefined));
}

/** Where the first entry of the directory stands whose name ends so. */
function entryOf(bytes: Buffer, ending: string): number {
  let at = bytes.indexOf("PK\x01\x02", 0, "latin1");
  for (; at !== -1; at = bytes.indexOf("PK\x01\x02", at + 4, "latin1")) {
    const name = bytes.toString("latin1", at + 46, at + 46 + bytes.readUInt16LE(at + 28));
    if (name.endsWith(ending)) return at;
  }
  throw new Error(`No member ${ending}`);
}

/** Where the data of the member begins that an entry of the directory stands for. */
function dataOf(bytes: Buffer, entry: number): number {
  const header = bytes.readUInt32LE(entry + 42);
  return header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
}

it("finds nothing in what torch wrote", async () => {
  expect(await changedIn(saved)).toEqual([]);
});

it("names the member whose bytes are not those that were written", async () => {
  const changed = Buffer.from(saved);
  const entry = entryOf(changed, "/data/0");
  changed.writeUInt8(changed.readUInt8(dataOf(changed, entry)) ^ 1, dataOf(changed, entry));
  expect(await changedIn(changed)).toMatchObject([
    {
      severity: "error",
      code: "ChecksumMismatch",
      message: expect.stringMatching(/1 member of the archive \(".*\/data\/0"\)/),
      offset: changed.readUInt32LE(entry + 42),
    },
  ]);
});

it("takes no checksum of 0 for one, as torch writes where it is told to compute none", async () => {
  const changed = Buffer.from(saved);
  const entry = entryOf(changed, "/data/0");
  changed.writeUInt32LE(0, entry + 16);
  changed.writeUInt8(changed.readUInt8(dataOf(changed, entry)) ^ 1, dataOf(changed, entry));
  expect(await changedIn(changed)).toEqual([]);
});
