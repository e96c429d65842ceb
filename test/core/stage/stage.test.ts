import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJson } from "../../../src/core/json/parseJson";
import { detectStage, normalizeStage, parseStageFile } from "../../../src/core/stage/stage";
import { stageFromName } from "../../../src/core/stage/stageWords";

const object = (members: Readonly<Record<string, string | number>>) => new Map(Object.entries(members));

describe("stageFromName", () => {
  it.each([
    "svd",
    "SVD",
    "01-svd",
    "01_SVD",
    "01svd",
    "after-svd",
    "afterSVD",
    "svd_init",
    "lora.svd.v2",
    "svd16",
    "pissa_init",
    "before-ft-after-svd",
    "svd-before-ft",
  ])("%s is svd", (name) => {
    expect(stageFromName(name)?.stage).toBe("svd");
  });

  it.each([
    "02-rank-reduction",
    "rank_reduced",
    "RankReduction",
    "02-rank",
    "after-rank",
    "reduced",
    "02_reduce",
    "llama-reduced-r8",
    "reduc",
    "svd-truncated",
    "truncated-svd",
    "trunc_r8",
    "TruncatedSVD",
    "pruned",
    "adapter_pruning",
    "lora_resized",
    "resize-8",
    "svd-rank-reduction",
    "rank-reduction-svd",
  ])("%s is rank-reduction", (name) => {
    expect(stageFromName(name)?.stage).toBe("rank-reduction");
  });

  it.each([
    "03-fine-tuning",
    "finetune",
    "finetuned",
    "fine_tuned",
    "FineTuned",
    "MLX_Finetune",
    "ft",
    "03-ft",
    "llama-ft-v2",
    "sft",
    "sft_v2",
    "SFT2",
    "after-finetuning",
    "final",
    "final-model",
    "svd-init-finetuned",
    "rank-reduced-then-ft",
  ])("%s is fine-tuning", (name) => {
    expect(stageFromName(name)?.stage).toBe("fine-tuning");
  });

  it("takes final for a stage of an adapter alone", () => {
    const evidence = { folderNames: ["final_model"] };
    expect(detectStage(evidence)?.stage).toBe("fine-tuning");
    expect(detectStage({ ...evidence, isNoAdapter: true })).toBeUndefined();
    expect(detectStage({ folderNames: ["sft-final"], isNoAdapter: true })?.stage).toBe("fine-tuning");
  });

  it.each([
    "draft",
    "left",
    "soft",
    "soft-prompt",
    "shift",
    "loft",
    "minecraft",
    "microsoft",
    "aircraft",
    "rank16",
    "lora-rank8",
    "lora_rank_8",
    "rank-64",
    "full-rank",
    "low-rank-adapter",
    "rank_stabilized",
    "mp_rank_00",
    "reranker",
    "ranking",
    "frank",
    "prank",
    "crank",
    "prunes",
    "svdq-int4",
    "svd_xt_1_1",
    "stable-video-diffusion-svd",
    "noise-reduction",
    "reduce_lr_on_plateau",
    "resize_token_embeddings",
    "truncated_half",
    "trainer_truncated",
    "tuner",
    "tuned",
    "finely",
    "before-ft",
    "no-svd",
    "without_finetuning",
    "pre-finetune",
    "semifinal",
    "finale",
    "results",
    "checkpoint-500",
    "adapter_model",
    "bert-base-uncased",
    "emerged",
    "",
    "...",
    "__proto__",
    "constructor",
  ])("%s tells nothing", (name) => {
    expect(stageFromName(name)).toBeUndefined();
  });

  it("knows base and merged", () => {
    for (const name of ["base", "00-base", "base_model"]) expect(stageFromName(name)?.stage).toBe("base");
    for (const name of ["merged", "merged_16bit"]) expect(stageFromName(name)?.stage).toBe("merged");
  });

  it("needs whole words: letters around them hide them", () => {
    const word = fc.constantFrom("svd", "ft", "sft", "rank", "pruned", "final");
    const letters = fc.stringMatching(/^[b-df-hj-mpqv-z]{2,6}$/);
    fc.assert(
      fc.property(letters, word, letters, (before, inside, after) => {
        expect(stageFromName(before + inside + after)).toBeUndefined();
      }),
    );
  });

  it("finds a word between any separators and ordinals", () => {
    const separator = fc.constantFrom("-", "_", ".", " ", "--", "/");
    fc.assert(
      fc.property(
        fc.nat(999),
        separator,
        fc.constantFrom("svd", "ft", "pruned"),
        (ordinal, between, word) => {
          expect(stageFromName(`${ordinal}${between}${word}`)?.word).toBe(word);
          expect(stageFromName(`after${between}${word}${between}v2`)?.word).toBe(word);
        },
      ),
    );
  });

  it("takes any name in little time", () => {
    fc.assert(fc.property(fc.string({ maxLength: 1000 }), (name) => void stageFromName(name)));
    for (const unit of ["rank-", "aA", "1a", "((", "fine "]) stageFromName(unit.repeat(100_000));
  });
});

describe("detectStage", () => {
  const all = {
    userStage: "after distillation",
    stageFile: object({ stage: "merged" }),
    metadata: object({ stage: "base" }) as Map<string, string>,
    adapterConfig: object({ init_lora_weights: "pissa" }),
    step: 0,
    fileName: "lora-ft.safetensors",
    folderNames: ["02-rank-reduction"],
  };

  it("believes the surest evidence first", () => {
    expect(detectStage(all)).toMatchObject({ stage: "after distillation", source: "user", inferred: false });
    const { userStage: _user, ...unset } = all;
    expect(detectStage(unset)).toMatchObject({ stage: "merged", source: "stage-file", inferred: false });
    expect(detectStage({ ...unset, stageFile: undefined })).toMatchObject({
      stage: "base",
      source: "metadata",
    });
    const silent = { ...unset, stageFile: undefined, metadata: undefined };
    expect(detectStage(silent)).toMatchObject({ stage: "svd", source: "config", inferred: true });
    expect(detectStage({ ...silent, adapterConfig: undefined })).toMatchObject({
      stage: "fine-tuning",
      source: "name",
      inferred: true,
      reason: 'The file is called "lora-ft.safetensors" (ft).',
    });
    expect(detectStage({ folderNames: all.folderNames })).toMatchObject({
      stage: "rank-reduction",
      reason: 'The folder is called "02-rank-reduction" (rank reduction).',
    });
    expect(detectStage({ folderNames: ["x"] })).toBeUndefined();
  });

  it.each(["pissa", "pissa_niter_16", "olora", "eva", "corda", "loftq"])(
    "takes %s for an SVD at step 0",
    (init) => {
      const adapterConfig = object({ init_lora_weights: init });
      expect(detectStage({ adapterConfig, step: 0, folderNames: [] })?.stage).toBe("svd");
      // The recipe stays in the config when training goes on.
      expect(detectStage({ adapterConfig, step: 500, folderNames: [] })).toBeUndefined();
      expect(detectStage({ adapterConfig, folderNames: [] })).toBeUndefined();
    },
  );

  it.each(["gaussian", "true", "orthogonal", "pissa_x"])("takes %s for nothing", (init) => {
    const adapterConfig = object({ init_lora_weights: init });
    expect(detectStage({ adapterConfig, step: 0, folderNames: [] })).toBeUndefined();
  });

  it("reads what kohya's resize leaves in the metadata", () => {
    const metadata = new Map([["ss_training_comment", "dimension is resized from 32 to 8; mine"]]);
    expect(detectStage({ metadata, folderNames: [] })).toMatchObject({
      stage: "rank-reduction",
      source: "metadata",
      inferred: true,
    });
  });

  it("looks past step folders and folders that every project has, but no further", () => {
    const at = (...folderNames: string[]) => detectStage({ folderNames })?.stage;
    expect(at("checkpoint-40", "outputs", "03-fine-tuning")).toBe("fine-tuning");
    expect(at("checkpoint-40", "results", "svd-study")).toBe("svd");
    expect(at("checkpoint-40", "my-run", "svd-study")).toBeUndefined();
    expect(at("01-svd", "03-fine-tuning")).toBe("svd");
  });

  it("falls through labels that say nothing", () => {
    for (const stageFile of [null, 3, "svd", [], object({}), object({ stage: 3 }), object({ stage: "  " })]) {
      expect(detectStage({ userStage: " ", stageFile, folderNames: ["01-svd"] })?.source).toBe("name");
    }
  });
});

describe("parseStageFile", () => {
  it("reads the label and its notes", () => {
    const text =
      '{"stage": "Rank Reduction", "note": "r 64 to 8", "createdBy": "reduce", "createdAt": "2026", "x": 1}';
    expect(parseStageFile(parseJson(text).value)).toEqual({
      stage: "rank-reduction",
      note: "r 64 to 8",
      createdBy: "reduce",
      createdAt: "2026",
    });
  });

  it("keeps where a snapshot came from and what was kept of it", () => {
    const text = '{"stage": "rank-reduction", "parent": "../01-svd", "energyKept": 0.97, "modules": {}}';
    expect(parseStageFile(parseJson(text).value)).toEqual({
      stage: "rank-reduction",
      parent: "../01-svd",
      energyKept: 0.97,
    });
    const odd = '{"stage": "svd", "parent": 3, "energyKept": 1.5}';
    expect(parseStageFile(parseJson(odd).value)).toEqual({ stage: "svd" });
  });
});

describe("normalizeStage", () => {
  it.each([
    ["SVD", "svd"],
    ["rank_reduction", "rank-reduction"],
    ["Fine Tuning", "fine-tuning"],
    ["finetuned", "fine-tuning"],
    ["  distilled  twice ", "distilled twice"],
    ["a\u0000\n\u202eb", "a b"],
    ["<b>x</b>", "<b>x</b>"],
  ])("%j becomes %j", (text, stage) => {
    expect(normalizeStage(text)).toBe(stage);
  });

  it("is one line of bounded length, or nothing", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), (text) => {
        const stage = normalizeStage(text);
        if (stage === undefined) return;
        expect(stage.length).toBeLessThanOrEqual(100);
        expect(stage).not.toMatch(/[\n\r\t\v]/);
        expect(stage).toBe(stage.trim());
      }),
    );
  });
});
