import { describe, expect, it } from "vitest";
import { CheckpointSession } from "../../../../src/core/session/checkpointSession";
import { base64Bytes } from "../../../../src/core/text/base64";
import { zipFile } from "../../../support/made/zipFile";
import { MemoryFiles } from "../../../support/memoryFiles";
import { dict, floatBytes, floats, torchArchive } from "./torchPickle";

/** cposix system, called with a text: as a schedule of Stable-Baselines3 would be kept. */
const harmful = btoa("cposix\nsystem\n(Vtrue\ntR.");

function open(data: object): Promise<CheckpointSession> {
  const policy = torchArchive(dict({ "net.weight": floats("0", 2) }), { "0": floatBytes(1, 2) });
  const file = zipFile([
    { name: "data", data: new TextEncoder().encode(JSON.stringify(data)) },
    { name: "policy.pth", data: policy },
  ]);
  return CheckpointSession.open(new MemoryFiles({ "/m/a.zip": file }), "/m/a.zip", () => undefined);
}

describe("an archive of torch files", () => {
  it("is one checkpoint with the numbers of its settings", async () => {
    const summary = (await open({ num_timesteps: 5, _total_timesteps: 10 })).summary();
    expect(summary).toMatchObject({ parameterCount: 2, progress: { step: 5, maxSteps: 10 }, problems: [] });
  });

  it("is looked into for pickles that are kept as text", async () => {
    const { problems } = (await open({ lr_schedule: { ":serialized:": harmful } })).summary();
    expect(problems).toMatchObject([{ severity: "error", code: "DangerousImport" }]);
    expect(problems[0]?.message).toContain("posix.system");
  });
});

describe("base64", () => {
  it.each([
    // RFC 4648 §10
    ["", ""],
    ["f", "Zg=="],
    ["fo", "Zm8="],
    ["foo", "Zm9v"],
    ["foob", "Zm9vYg=="],
    ["fooba", "Zm9vYmE="],
    ["foobar", "Zm9v\nYmFy"],
  ])("stands for %j", (text, encoded) => {
    expect(new TextDecoder().decode(base64Bytes(encoded))).toBe(text);
  });

  it("is no text with other characters", () => {
    expect(base64Bytes("@@@")).toBeUndefined();
  });
});
