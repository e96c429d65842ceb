import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  checkpointGlob,
  type FileKind,
  fileKindOf,
  fileKinds,
  isTorchFile,
  logGlob,
  patternOf,
} from "../../../src/core/formats/fileKinds";
import { logOfName } from "../../../src/core/runs/logs/logNames";
import { withFileKinds } from "../../support/manifest";

interface Manifest {
  readonly activationEvents: readonly string[];
  readonly contributes: {
    readonly customEditors: readonly {
      readonly priority: string;
      readonly selector: readonly { readonly filenamePattern: string }[];
    }[];
    readonly menus: Readonly<Record<string, readonly { readonly command: string; readonly when?: string }[]>>;
  };
}

const packageJson = readFileSync("package.json", "utf8");
const manifest = JSON.parse(packageJson) as Manifest;
const { contributes, activationEvents } = manifest;

/** `*.{pt,pth}` is `*.pt` and `*.pth`. */
function expanded(pattern: string): string[] {
  const [, before, list, after] = /^(.*)\{(.*)\}(.*)$/.exec(pattern) ?? [];
  return list === undefined ? [pattern] : list.split(",").map((one) => `${before}${one}${after}`);
}

function patternsOf(is: (kind: FileKind) => boolean): string[] {
  return fileKinds.filter(is).map(patternOf).sort();
}

/** The endings in the alternatives of a menu's condition. */
function endingsIn(menu: string, command: string): string[] {
  const entries = contributes.menus[menu]?.filter((one) => one.command === `checkpointExplorer.${command}`);
  // A folder has the command as well, by another condition.
  const conditions = entries?.map(({ when }) => when ?? "").join(" ") ?? "";
  const [, list = ""] = /resourceExtname =~ \/\\\.\(([^)]*)\)\$\//.exec(conditions) ?? [];
  return list
    .split("|")
    .map((one) => `*.${one}`)
    .sort();
}

describe("the manifest names the files that the table names", () => {
  it.each(["default", "option"] as const)("in the editor that is %s", (priority) => {
    const editors = contributes.customEditors.filter((one) => one.priority === priority);
    const selected = editors.flatMap(({ selector }) =>
      selector.flatMap((one) => expanded(one.filenamePattern)),
    );
    expect(selected.sort()).toEqual(patternsOf(({ editor }) => editor === priority));
  });

  it("in the Explorer's menu", () => {
    expect(endingsIn("explorer/context", "open")).toEqual(patternsOf(({ menu }) => menu !== undefined));
    for (const command of ["compareSelected", "selectForCompare"])
      expect(endingsIn("explorer/context", command)).toEqual(patternsOf(({ menu }) => menu === "compare"));
  });

  it("as npm run format writes them", () => {
    expect(withFileKinds(packageJson)).toBe(packageJson);
    const wrong = packageJson.replace(",gguf,", ",ggml,").replaceAll("|gguf|", "|ggml|");
    expect(wrong).not.toBe(packageJson);
    expect(withFileKinds(wrong)).toBe(packageJson);
  });

  it("in what wakes the extension: names that are watched", () => {
    const waking = activationEvents.flatMap(
      (event) => /^workspaceContains:\*\*\/(.+)$/.exec(event)?.[1] ?? [],
    );
    const watched = patternsOf(({ watched: kind }) => kind === "checkpoint");
    expect(waking.filter((name) => !watched.includes(name) && logOfName(name) === undefined)).toEqual([]);
  });
});

describe("the table of files", () => {
  it("watches what it says", () => {
    expect(expanded(checkpointGlob).sort()).toEqual(
      patternsOf(({ watched }) => watched === "checkpoint").map((one) => `**/${one}`),
    );
    expect(expanded(logGlob)).toContain("**/*tfevents*");
  });

  it("watches logs by names that are read as logs", () => {
    const names = fileKinds.filter(({ watched }) => watched === "log").map(({ name }) => name);
    const samples: Readonly<Record<string, string>> = {
      "*tfevents*": "events.out.tfevents.1700000000.host",
      "train*.jsonl": "train_log.jsonl",
      "log_*.txt": "log_1700000000.txt",
      ".wandb": "run-abc.wandb",
    };
    expect(names.filter((name) => logOfName(samples[name] ?? name) === undefined)).toEqual([]);
  });

  it("knows a file by its longest ending", () => {
    expect(fileKindOf("/m/model.safetensors.index.json")?.editor).toBe("option");
    expect(fileKindOf("/m/MODEL.SAFETENSORS")?.editor).toBe("default");
    expect(fileKindOf("/m/best.pth.tar")?.editor).toBe("option");
    expect(fileKindOf("/m/readme.md")).toBeUndefined();
  });

  it("knows files of telling names among those of an ending that says nothing", () => {
    const editorOf = (name: string) => fileKindOf(`/m/${name}`)?.editor;
    const telling = ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "adapter_model.bin"];
    const others = [
      "optimizer.bin",
      "training_args.bin",
      "model.weights.h5",
      "m.keras",
      "__0_0.distcp",
      "m.nemo",
    ];
    expect([...telling, ...others].filter((name) => editorOf(name) !== "default")).toEqual([]);
    const generic = [
      "tokens.bin",
      "my_optimizer.bin",
      "model.h5",
      "data.hdf5",
      "meta.pkl",
      "m.onnx",
      "ckpt-1.index",
    ];
    expect(generic.filter((name) => editorOf(name) !== "option")).toEqual([]);
  });

  it("tells torch's files by their endings", () => {
    expect(["a.pt", "b.PTH", "c.pth.tar", "d.ckpt", "e.bin"].every(isTorchFile)).toBe(true);
    expect(["TD3_Hopper-v2_0_actor", "sac_0.01_critic_optimizer"].every(isTorchFile)).toBe(true);
    expect(["a.tar", "b.safetensors", "pth.txt", "actor.py", "policy"].some(isTorchFile)).toBe(false);
  });
});
