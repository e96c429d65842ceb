import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { sampledFindings } from "../../../src/core/session/sampledValues";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";
import { dict, floatBytes, storage, tensorV2, torchArchive } from "../formats/torch/torchPickle";

async function findings(name: string, bytes: Uint8Array): Promise<readonly string[]> {
  const files = new MemoryFiles({ [`/m/${name}`]: bytes });
  const session = await CheckpointSession.open(files, `/m/${name}`, () => undefined);
  return (await sampledFindings(session)).map(({ code, tensor }) => `${code} ${tensor}`);
}

it("takes the ends of a space that has none for no sign of a training that diverged", async () => {
  const file = join(projectRoot, "test", "fixtures", "ordinary", "vecnormalize.pkl");
  expect(await findings("vecnormalize.pkl", new Uint8Array(readFileSync(file)))).toEqual([]);
});

it("tells weights that are infinite, and ends that are no numbers", async () => {
  const two = (key: string) => tensorV2(storage("torch.FloatStorage", key, 2), [2], [1]);
  const value = dict({ "fc.weight": two("0"), "obs.low": two("1"), "obs.high": two("2") });
  const { POSITIVE_INFINITY: inf } = Number;
  const told = async (low: number, weight: number) =>
    findings(
      "m.pt",
      torchArchive(value, { 0: floatBytes(1, weight), 1: floatBytes(low, 0), 2: floatBytes(inf, inf) }),
    );
  expect(await told(-inf, 1)).toEqual([]);
  expect(await told(-inf, inf)).toEqual(["NotFiniteValues fc.weight"]);
  expect(await told(Number.NaN, 1)).toEqual(["NotFiniteValues obs.low"]);
});
