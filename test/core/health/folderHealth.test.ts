import { describe, expect, it } from "vitest";
import { adapterOf, factors, healthOf, weights } from "../../support/healthOf";

describe("the other files of a folder", () => {
  const hostile = new TextEncoder().encode("cos\nsystem\n(S'true'\ntR.");

  it("count, each under its name, also those in folders that belong to it", async () => {
    const entries = {
      ...adapterOf(factors),
      "scheduler.pt": hostile,
      "global_step3/x_optim_states.pt": hostile,
    };
    const { problems } = await healthOf(entries);
    const named = problems
      .filter(({ code }) => code === "DangerousImport")
      .map(({ message }) => message.split(" ")[0]);
    expect(named.sort()).toEqual(["scheduler.pt", "x_optim_states.pt"]);
  });

  it("do not judge a file that is opened by itself", async () => {
    const entries = { ...adapterOf(factors), "scheduler.pt": hostile, "optimizer.pt": "" };
    expect((await healthOf(entries, "/run/adapter_model.safetensors")).problems).toEqual([]);
  });

  it("are shown with the file that stands for their folder, and with no other", async () => {
    const entries = {
      ...adapterOf(factors),
      "other.safetensors": weights({ a: [8] }),
      "scheduler.pt": hostile,
    };
    const shown = async (path: string) => (await healthOf(entries, path)).session.shownHealth();
    const { problems } = await healthOf(entries);
    expect(problems).toMatchObject([{ code: "DangerousImport" }]);
    expect(await shown("/run/adapter_model.safetensors")).toEqual(problems);
    expect(await shown("/run/other.safetensors")).toEqual([]);
  });

  it("without any weights are no healthy checkpoint", async () => {
    const { problems } = await healthOf({ "config.json": "{}" });
    expect(problems).toEqual([expect.objectContaining({ severity: "error", code: "NoWeights" })]);
  });

  it("are named where a shard is cut, and not the index", async () => {
    const shard = weights({ b: [8] });
    const index = {
      weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
    };
    const { session, problems } = await healthOf({
      "model.safetensors.index.json": JSON.stringify(index),
      "model-00001-of-00002.safetensors": weights({ a: [8] }),
      "model-00002-of-00002.safetensors": shard.subarray(0, shard.length - 4),
    });
    expect(problems[0]?.message).toMatch(/^model-00002-of-00002\.safetensors is cut.* 4 bytes are missing/);
    expect((await session.resume()).checks[0]?.reason).toMatch(/^model-00002-of-00002\.safetensors is cut/);
  });
});
