import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findHalfWritten } from "../../../src/core/parts/halfWritten";
import { modelOf } from "../../../src/core/parts/namesakes";
import {
  assessParts,
  classifyEntry,
  mainFile,
  type Part,
  type PartEntry,
  partLabels,
} from "../../../src/core/parts/parts";

const files = (...names: string[]): PartEntry[] =>
  names
    .map((name) => ({ name, kind: name.endsWith("/") ? "directory" : "file" }) as const)
    .map((entry) => ({
      ...entry,
      name: entry.name.replace("/", ""),
    }));
const assess = (...names: string[]) => assessParts(files(...names).map(classifyEntry));

describe("classifyEntry", () => {
  it.each<[string, Part]>([
    ["model.safetensors", "weights"],
    ["model-00001-of-00003.safetensors", "weights"],
    ["model.safetensors.index.json", "weights"],
    ["pytorch_model.bin", "weights"],
    ["pytorch_model.bin.index.json", "weights"],
    ["pytorch_model_fsdp.bin", "weights"],
    ["pytorch_model_fsdp_0/", "weights"],
    ["diffusion_pytorch_model.safetensors", "weights"],
    ["consolidated.00.pth", "weights"],
    ["ckpt.pt", "weights"],
    ["epoch=9-step=5000.ckpt", "weights"],
    ["llama.Q4_K_M.gguf", "weights"],
    ["__0_0.distcp", "weights"],
    [".metadata", "weights"],
    ["mp_rank_00_model_states.pt", "weights"],
    ["mp_rank_00/", "weights"],
    ["adapter_model.safetensors", "adapter"],
    ["adapter_model.bin", "adapter"],
    ["adapter_model.safetensors.index.json", "adapter"],
    ["adapters.safetensors", "adapter"],
    ["0000100_adapters.safetensors", "adapter"],
    ["pytorch_lora_weights.safetensors", "adapter"],
    ["adapter_config.json", "adapter-config"],
    ["optimizer.pt", "optimizer"],
    ["optimizer.bin", "optimizer"],
    ["optimizer_1.bin", "optimizer"],
    ["optimizer_0/", "optimizer"],
    ["global_step500/", "optimizer"],
    ["bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt", "optimizer"],
    ["zero_pp_rank_12_mp_rank_03_optim_states.pt", "optimizer"],
    ["distrib_optim.pt", "optimizer"],
    ["recipe_state.pt", "optimizer"],
    ["scheduler.pt", "scheduler"],
    ["scheduler.bin", "scheduler"],
    ["rng_state.pth", "rng-state"],
    ["rng_state_7.pth", "rng-state"],
    ["random_states_0.pkl", "rng-state"],
    ["scaler.pt", "scaler"],
    ["training_args.bin", "training-args"],
    ["trainer_state.json", "trainer-state"],
    ["config.json", "config"],
    ["generation_config.json", "generation-config"],
    ["tokenizer.json", "tokenizer"],
    ["tokenizer_config.json", "tokenizer"],
    ["tokenizer.model", "tokenizer"],
    ["special_tokens_map.json", "tokenizer"],
    ["added_tokens.json", "tokenizer"],
    ["vocab.json", "tokenizer"],
    ["merges.txt", "tokenizer"],
    ["spiece.model", "tokenizer"],
    ["chat_template.jinja", "tokenizer"],
    ["preprocessor_config.json", "tokenizer"],
    ["events.out.tfevents.1730763490.HOST.1.0", "log"],
    ["trainer_log.jsonl", "log"],
    ["all_results.json", "log"],
    ["runs/", "log"],
    ["checkpoint-stage.json", "stage-label"],
    ["README.md", "other"],
    ["sampler.bin", "other"],
    ["train.bin", "other"],
    ["custom_checkpoint_0.pkl", "other"],
    ["expert_pick.pt/", "other"],
    ["latest", "other"],
    ["zero_to_fp32.py", "other"],
    ["trainer_state.json.bak", "other"],
    ["", "other"],
    ["__proto__", "other"],
  ])("%s is %s", (name, part) => {
    expect(classifyEntry(files(name)[0] as PartEntry).part).toBe(part);
  });

  it("has a label for every part", () => {
    for (const label of Object.values(partLabels)) expect(label).toMatch(/^[a-z ]+$/);
  });
});

describe("assessParts", () => {
  const adapter = ["adapter_model.safetensors", "adapter_config.json"];
  const state = ["optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"];

  it("says that a complete checkpoint resumes exactly", () => {
    const { missing, resumable, present } = assess(...adapter, ...state, "tokenizer.json");
    expect(missing).toEqual([]);
    expect(resumable.answer).toBe("yes");
    expect(resumable.reason).toContain("exactly where it stopped");
    expect(present).toContain("tokenizer");
  });

  it("says that parameters alone are evaluated, not resumed", () => {
    const { missing, resumable } = assess(...adapter);
    expect(resumable.answer).toBe("no");
    expect(resumable.reason).toContain("evaluated");
    expect(missing.map(({ part }) => part)).toEqual(["optimizer", "scheduler", "rng-state", "trainer-state"]);
  });

  it("says cold moments where the optimizer is missing", () => {
    const { missing, resumable } = assess(...adapter, "scheduler.pt", "rng_state.pth", "trainer_state.json");
    expect(resumable.answer).toBe("partly");
    expect(resumable.reason).toContain("cold moments");
    expect(missing).toEqual([{ part: "optimizer", meaning: expect.stringContaining("cold moments") }]);
  });

  it.each([
    ["scheduler.pt", "learning rate starts over"],
    ["rng_state.pth", "dropout and data order differ"],
    ["trainer_state.json", "start at 0"],
  ])("says what is lost without %s", (name, loss) => {
    const { resumable } = assess(...adapter, ...state.filter((other) => other !== name));
    expect(resumable.answer).toBe("partly");
    expect(resumable.reason).toContain(loss);
  });

  it("asks a model for config.json and an adapter for adapter_config.json", () => {
    expect(assess("model.safetensors").missing.map(({ part }) => part)).toContain("config");
    expect(assess("adapter_model.safetensors").missing.map(({ part }) => part)).toContain("adapter-config");
    expect(assess("adapter_model.safetensors").missing.map(({ part }) => part)).not.toContain("config");
  });

  it("says that nothing can be done without parameters", () => {
    for (const names of [state, [], ["README.md"]]) {
      const { missing, resumable } = assess(...names);
      expect(resumable.answer).toBe("no");
      expect(missing[0]?.part).toBe("weights");
    }
  });

  it("knows that DeepSpeed keeps the schedule and the progress with the weights", () => {
    const { resumable } = assess(...adapter, "global_step500/", "rng_state_0.pth");
    expect(resumable.answer).toBe("yes");
    expect(assess("mp_rank_00/").resumable.answer).toBe("yes");
    // The Trainer's own folder around it, where ZeRO-3 did not gather the weights.
    expect(assess("global_step500/", "latest", "rng_state_0.pth").resumable.answer).toBe("yes");
  });
});

describe("mainFile", () => {
  it.each<[string, string[]]>([
    ["adapter_model.safetensors", ["model.safetensors", "adapter_model.safetensors", "adapter_model.bin"]],
    ["model.safetensors.index.json", ["model-00001-of-00002.safetensors", "model.safetensors.index.json"]],
    ["model.safetensors", ["pytorch_model.bin", "model.safetensors", "optimizer.pt"]],
    ["model.safetensors", ["model.safetensors", "model.safetensors.index.json"]],
    ["pytorch_model.bin", ["training_args.bin", "pytorch_model.bin", "optimizer.bin"]],
    ["pytorch_model.bin.index.json", ["pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"]],
    [
      "model-00001-of-00002.safetensors",
      ["model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors"],
    ],
    ["model.safetensors.index.json", ["model.safetensors.index.json"]],
    ["unet.safetensors", ["unet.safetensors", "scheduler.pt"]],
    ["model_states.pt", ["optimizer.pt", "model_states.pt"]],
    [".metadata", ["__0_0.distcp", ".metadata"]],
  ])("opens %s of %j", (expected, names) => {
    expect(mainFile(files(...names))).toBe(expected);
    expect(mainFile(files(...names.reverse()))).toBe(expected);
  });

  it("opens nothing where there are no parameters", () => {
    expect(mainFile([])).toBeUndefined();
    expect(mainFile(files("optimizer.pt", "trainer_state.json", "README.md"))).toBeUndefined();
  });

  it("opens no folder, whatever it is called", () => {
    expect(mainFile(files("model.safetensors/", "expert_pick.pt/"))).toBeUndefined();
  });

  it("passes over an empty file, unless there is nothing else", () => {
    const empty = { name: "model.safetensors", kind: "file", size: 0 } as const;
    expect(mainFile([empty, { name: "pytorch_model.bin", kind: "file", size: 9 }])).toBe("pytorch_model.bin");
    expect(mainFile([empty])).toBe("model.safetensors");
  });

  it("gives one of the names, in any order of the folder", () => {
    const name = fc.constantFrom(
      ..."adapter_model.bin model.safetensors a.gguf x.pt optimizer.pt b.safetensors.index.json y.txt".split(
        " ",
      ),
    );
    fc.assert(
      fc.property(fc.uniqueArray(name), (names) => {
        const found = mainFile(files(...names));
        if (found !== undefined) expect(names).toContain(found);
        expect(mainFile(files(...[...names].reverse()))).toBe(found);
      }),
    );
  });
});

describe("findHalfWritten", () => {
  const codes = (folder: string, entries: readonly PartEntry[]) =>
    findHalfWritten(folder, entries).problems.map(({ code }) => code);

  it("finds nothing wrong with a whole checkpoint", () => {
    const entries = files(
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "README.md",
    );
    const index = files("model.safetensors.index.json");
    const whole = findHalfWritten("checkpoint-500", [...entries, ...index]);
    expect(whole).toEqual({ incomplete: false, problems: [] });
    expect(findHalfWritten("checkpoint-500", entries).problems).toMatchObject([
      { severity: "warning", code: "NoShardIndex" },
    ]);
  });

  it("knows Orbax's temporary folders", () => {
    const name = "2.orbax-checkpoint-tmp-1703334121930256";
    expect(findHalfWritten(name, files("_METADATA"))).toMatchObject({ incomplete: true });
  });

  it("knows tmp-checkpoint", () => {
    expect(findHalfWritten("tmp-checkpoint-500", files("model.safetensors"))).toMatchObject({
      incomplete: true,
      problems: [{ code: "IncompleteCheckpoint" }],
    });
  });

  it("names the shards that are missing", () => {
    const { incomplete, problems } = findHalfWritten("c", files("model-00002-of-00003.safetensors"));
    expect(incomplete).toBe(true);
    expect(problems).toMatchObject([{ severity: "error", code: "MissingShards" }]);
    expect(problems[0]?.message).toBe(
      "2 of 3 shards are missing: model-00001-of-00003.safetensors, model-00003-of-00003.safetensors.",
    );
  });

  it("takes a claim of 999,999 shards calmly", () => {
    const { problems } = findHalfWritten("c", files("model-00001-of-999999.safetensors"));
    expect(problems[0]?.message).toContain("999998 of 999999 shards are missing");
    expect(problems[0]?.message.length).toBeLessThan(400);
  });

  it("misses the shards of an index that stands alone", () => {
    expect(codes("c", files("model.safetensors.index.json"))).toEqual(["MissingShards"]);
    expect(codes("c", files("model.safetensors.index.json", "model.safetensors"))).toEqual([]);
  });

  it("tells empty files, except those that may be empty", () => {
    const empty = (name: string): PartEntry => ({ name, kind: "file", size: 0 });
    const found = findHalfWritten("c", [empty("model.safetensors"), empty("merges.txt"), empty("notes")]);
    expect(found.problems.map(({ message }) => message)).toEqual([
      "model.safetensors is empty: the save did not finish, or the disk was full.",
    ]);
    expect(found.incomplete).toBe(true);
    expect(findHalfWritten("c", [empty("optimizer.pt")]).incomplete).toBe(false);
  });

  it("tells files under a temporary name, if they are of a checkpoint", () => {
    expect(codes("c", files("optimizer.pt.tmp", "notes.tmp"))).toEqual(["TemporaryFile"]);
  });

  it("misses the directory of a distributed save, which is written last", () => {
    expect(findHalfWritten("c", files("__0_0.distcp"))).toMatchObject({
      incomplete: true,
      problems: [{ code: "MissingMetadata" }],
    });
    expect(codes("c", files("__0_0.distcp", ".metadata"))).toEqual([]);
    expect(codes("c", files("__0_0.distcp", ".metadata.tmp"))).toEqual(["TemporaryFile", "MissingMetadata"]);
  });
});

describe("the weights that a file belongs to", () => {
  const entries = files("actor.pth", "policy.pth", "rng_state.pt", "pytorch_model.bin").map(classifyEntry);

  it("are those that an optimizer names, else the folder's main ones", () => {
    expect(modelOf("policy.optimizer.pth", entries)).toBe("policy.pth");
    expect(modelOf("optimizer.pt", entries)).toBe("pytorch_model.bin");
  });

  it("are never the file itself", () => {
    expect(modelOf("rng_state.pt", entries)).toBe("pytorch_model.bin");
    expect(modelOf("rng_state.pt", files("rng_state.pt").map(classifyEntry))).not.toBe("rng_state.pt");
  });
});
