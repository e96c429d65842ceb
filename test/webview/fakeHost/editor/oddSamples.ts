import type { Problem, Severity } from "../../../../src/core/problem/problem";
import { type EditorSample, layOut, summaryOf } from "./editorSample";

export function brokenSample(): EditorSample {
  return {
    tensors: [],
    state: {
      status: "failed",
      name: "model-00003-of-00004.safetensors",
      path: "/data/models/broken/model-00003-of-00004.safetensors",
      fileBytes: 134,
      problem: {
        severity: "error",
        code: "LfsPointer",
        message:
          "This is a Git LFS pointer, not the file itself: 134 bytes of text that name a file of 4.98 GB. " +
          "Run `git lfs pull` in the repository to fetch it, then try again.",
        offset: 0,
      },
    },
  };
}

export function deletedSample(): EditorSample {
  return {
    tensors: [],
    state: {
      status: "deleted",
      name: "adapter_model.safetensors",
      path: "/home/ada/runs/tiny-lora/03-fine-tuning/checkpoint-300/adapter_model.safetensors",
    },
  };
}

export const hostileNames = [
  "<img src=x onerror=\"document.title='owned'\">",
  "model.</script><script>document.title='owned'</script>",
  "layers.0.\u202egnp.thgiew",
  "layers.0.weight\u0000\u0007\u200b",
  "layers.0.two\nlines",
  "layers.0.\u05d0\u05d1\u05d2.weight",
  "__proto__",
  "constructor.prototype",
  "",
  "a..b...c",
  "0",
  "00",
  "1e3",
  "'; DROP TABLE tensors; --",
  'quotes"and\\backslashes',
  `very.${"long".repeat(400)}.name`,
  `deep.${Array.from({ length: 300 }, (_, level) => level % 10).join(".")}`,
  "emoji.\u{1f4a9}.weight",
  "half.\ud800.surrogate",
];

/** Names, metadata and paths that want to be anything but text. */
export function hostileSample(): EditorSample {
  const tensors = layOut(hostileNames.map((name) => ({ name, dtype: "F32", shape: [2, 3] })));
  const markup = "<img src=x onerror=\"document.title='owned'\">";
  return {
    tensors,
    state: {
      status: "ready",
      summary: summaryOf(tensors, (name) => name.split(".")[0] || undefined, {
        name: `${markup}.safetensors`,
        path: `/tmp/\u202e${markup}.safetensors`,
        headline: [markup, "model", markup],
        dtypes: [
          { dtype: "F32", tensors: hostileNames.length - 1, parameters: 100, bytes: 400 },
          { dtype: "<b>F99</b>", tensors: 1, parameters: 6, bytes: 24 },
        ],
        metadata: [
          [markup, markup],
          ["lines", "one\ntwo\n\u202ethree"],
          ["json", JSON.stringify({ long: "x".repeat(5000) })],
        ],
        stage: { stage: markup, reason: markup, inferred: false },
        configs: [{ fileName: markup, path: `/tmp/${markup}`, rows: [[markup, markup]] }],
        adapter: { method: markup, baseModel: markup, moduleCount: 1, comparable: false },
        missingParts: [{ label: markup, meaning: markup }],
        aliases: [[markup, "0"]],
        problems: [
          { severity: "warning", code: markup, message: markup, tensor: markup, file: markup, offset: 7 },
        ],
      }),
    },
  };
}

export function oneTensorSample(): EditorSample {
  const tensors = layOut([{ name: "weight", dtype: "I64", shape: [] }]);
  return {
    tensors,
    state: {
      status: "ready",
      summary: summaryOf(tensors, () => undefined, {
        name: "scalar.safetensors",
        path: "/tmp/scalar.safetensors",
        headline: ["Tensors", "1 tensor", "I64", "8 bytes"],
        composition: [],
        metadata: [],
      }),
    },
  };
}

export function emptySample(): EditorSample {
  return {
    tensors: [],
    state: {
      status: "ready",
      summary: summaryOf([], () => undefined, {
        name: "empty.safetensors",
        path: "/tmp/empty.safetensors",
        headline: ["Tensors", "no tensors", "10 bytes"],
        fileBytes: 10,
        metadata: [],
        problems: [
          { severity: "info", code: "NoTensors", message: "The file is valid and holds no tensors." },
        ],
      }),
    },
  };
}

/** Forty findings of all kinds. */
export function problemsSample(): EditorSample {
  const tensors = layOut(
    Array.from({ length: 40 }, (_, layer) => ({
      name: `model.layers.${layer}.weight`,
      dtype: "F16",
      shape: [64, 64],
    })),
  );
  const severities: readonly Severity[] = ["error", "warning", "warning", "info"];
  const problems = tensors.map(({ name, offset }, index): Problem => {
    const severity = severities[index % 4] ?? "info";
    return {
      severity,
      code:
        severity === "error"
          ? "OverlappingTensors"
          : severity === "warning"
            ? "UnalignedData"
            : "UnknownDtype",
      message:
        severity === "error"
          ? `The bytes of this tensor overlap those of the one before it by ${index + 2} bytes. One of them is wrong.`
          : severity === "warning"
            ? "The tensor begins at a byte that is no multiple of its element size, so it cannot be mapped into memory."
            : "The dtype is not one this version knows. It is shown as the file spells it.",
      offset,
      tensor: name,
    };
  });
  return {
    tensors,
    state: {
      status: "ready",
      summary: summaryOf(tensors, (name) => name.split(".").slice(0, 3).join("."), {
        name: "damaged.safetensors",
        path: "/data/damaged.safetensors",
        headline: ["Model", "164 K parameters", "F16", "328 kB"],
        problems,
      }),
    },
  };
}
