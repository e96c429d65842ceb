import { expect, test } from "vitest";
import { SeenFiles } from "../../src/core/bytes/seenFiles";
import { discoverRuns } from "../../src/core/runs/discover/discover";
import { KnownSettings } from "../../src/core/runs/discover/knownSettings";
import { LogDigests } from "../../src/core/runs/discover/logDigests";
import { LogStore } from "../../src/core/runs/merge/logStore";
import { ProbeCache } from "../../src/worker/probeCache";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { MemoryFiles } from "../support/memoryFiles";

const runs = 30;
const steps = [10, 20, 30];
const root = { path: "/ws", name: "ws" };

function workspace(): MemoryFiles {
  const weights = safetensorsFile({
    tensors: ["A", "B"].map((factor) => ({
      name: `base_model.model.q_proj.lora_${factor}.weight`,
      dtype: "F32",
      shape: [4, 4],
    })),
  });
  const files = new MemoryFiles();
  for (let run = 0; run < runs; run++) {
    for (const step of steps) {
      const folder = `/ws/run-${run}/checkpoint-${step}`;
      const log = steps.filter((one) => one <= step).map((one) => ({ step: one, loss: run + 1 / one }));
      files.write(
        `${folder}/trainer_state.json`,
        JSON.stringify({ global_step: step, max_steps: 30, log_history: log }),
      );
      files.write(
        `${folder}/adapter_config.json`,
        JSON.stringify({ peft_type: "LORA", r: 4, target_modules: ["q_proj"] }),
      );
      files.write(`${folder}/adapter_model.safetensors`, weights);
    }
  }
  return files;
}

test("a search that finds nothing new looks at each file once, and opens none", async () => {
  const files = workspace();
  const probes = new ProbeCache(files);
  const settings = new KnownSettings();
  const digests = new LogDigests(new LogStore(files));
  const search = async () => {
    const before = { ...files.counts };
    const seen = new SeenFiles(files);
    const found = await discoverRuns(seen, [root], {
      exclude: () => false,
      maxDepth: 8,
      maxFolders: 1000,
      peek: (path, signal) => probes.peek(path, signal, seen),
      judge: (path, signal) => probes.judge(path, [root.path], signal, seen),
      digests,
      settings,
    });
    probes.forgetUnused();
    settings.forgetUnused();
    const { list, stat, open } = files.counts;
    return { found, list: list - before.list, stat: stat - before.stat, open: open - before.open };
  };
  const first = await search();
  expect(first.found.runs).toHaveLength(runs);
  // Each folder is listed and each file looked at once, but the log, which its store looks at itself. Each is opened
  // once as well: the weights, whose header is read for the row and for their health, and some values; the settings,
  // which both read; and the log.
  const all = runs * steps.length;
  expect(first.list).toBe(1 + runs + all);
  expect(first.stat).toBe(4 * all);
  expect(files.opened.filter((path) => path.endsWith("trainer_state.json"))).toHaveLength(all);
  expect(first.open).toBe(3 * all);
  const again = await search();
  expect(again.found).toEqual(first.found);
  const checkpoints = runs * steps.length;
  expect(again.list).toBe(1 + runs + checkpoints);
  expect(again.stat).toBe(3 * checkpoints);
  expect(again.open).toBe(0);
  files.write(
    "/ws/run-0/checkpoint-10/adapter_model.safetensors",
    safetensorsFile({ tensors: [] }),
    1_800_000_000_000,
  );
  const changed = await search();
  expect(changed.open).toBeGreaterThan(0);
  expect(changed.open).toBeLessThan(10);
  expect(changed.found.runs[0]?.checkpoints[0]?.problems).not.toEqual([]);
  const settingsPath = "/ws/run-1/checkpoint-20/adapter_config.json";
  files.write(settingsPath, JSON.stringify({ peft_type: "LORA", r: 4 }).slice(0, -3), 1_800_000_000_000);
  const cut = (await search()).found.runs.find(({ path }) => path === "/ws/run-1");
  expect(cut?.checkpoints[1]?.problems.map(({ code }) => code)).toContain("ConfigUnreadable");
});
