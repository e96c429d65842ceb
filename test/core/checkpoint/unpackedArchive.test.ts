import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readZipDirectory } from "../../../src/core/bytes/zipDirectory";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";

const file = "imagenet.pth.tar";
const bytes = new Uint8Array(readFileSync(join(projectRoot, "test", "fixtures", "ordinary", file)));

/** The members of a torch file as files of a folder, as `unzip` leaves them. */
async function unpacked(keep: (name: string) => boolean): Promise<Record<string, Uint8Array>> {
  const files = new MemoryFiles({ "/a": bytes });
  const source = await files.open("/a");
  const { entries } = await readZipDirectory(source);
  const members: Record<string, Uint8Array> = {};
  for (const { name, localHeaderOffset, size } of entries) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + localHeaderOffset, 30);
    const start = localHeaderOffset + 30 + view.getUint16(26, true) + view.getUint16(28, true);
    const inner = name.slice(name.indexOf("/") + 1);
    if (keep(inner)) members[`/m/model/${inner}`] = bytes.slice(start, start + size);
  }
  return members;
}

function open(files: Record<string, Uint8Array>, path: string): Promise<CheckpointSession> {
  return CheckpointSession.open(new MemoryFiles(files), path, () => undefined);
}

const whole = () => open({ [`/m/${file}`]: bytes }, `/m/${file}`);

describe("a torch file that was unpacked", () => {
  it.each(["/m/model", "/m/model/data.pkl"])("is what it was, opened as %s", async (path) => {
    const session = await open(await unpacked(() => true), path);
    const expected = (await whole()).summary();
    const summary = session.summary();
    expect(summary.kind).toBe(expected.kind);
    expect(summary.parameterCount).toBe(expected.parameterCount);
    expect(summary.progress).toEqual(expected.progress);
    expect(summary.problems.map(({ code }) => code)).toEqual(["UnpackedArchive"]);
    expect((await session.resume()).answer).toBe((await (await whole()).resume()).answer);
  });

  it("gives the same values, from the file of each storage", async () => {
    const read = async (session: CheckpointSession, name: string) => {
      const tensor = session.checkpoint.tensors.find((one) => one.name === name);
      const reader = session.tensorReader();
      try {
        return tensor && (await reader.read(tensor));
      } finally {
        await reader.close();
      }
    };
    const name = "state_dict.module.fc.weight";
    const session = await open(await unpacked(() => true), "/m/model");
    const values = await read(session, name);
    expect(values).toHaveLength(48);
    expect(values).toEqual(await read(await whole(), name));
  });

  it("says which storages are not there", async () => {
    const session = await open(await unpacked((name) => !name.startsWith("data/")), "/m/model");
    const { problems } = session.summary();
    expect(problems[0]).toMatchObject({ severity: "error", code: "TensorWithoutBytes" });
    expect(problems[0]?.message).toContain("holds no data/");
  });

  it.each(["/m/model", "/m/model/data.pkl"])("is known by its pickle alone, opened as %s", async (path) => {
    const session = await open(await unpacked((name) => name === "data.pkl"), path);
    const { problems, parameterCount } = session.summary();
    expect(parameterCount).toBe((await whole()).summary().parameterCount);
    expect(problems.filter(({ severity }) => severity === "error").map(({ code }) => code)).toEqual([
      "TensorWithoutBytes",
    ]);
    expect(problems[0]?.message).toContain("torch file that was unpacked");
    expect((await session.resume()).answer).toBe("no");
  });
});
