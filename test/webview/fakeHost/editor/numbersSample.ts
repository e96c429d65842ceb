import { type EditorSample, layOut, summaryOf } from "./editorSample";

/** Tensors of every kind that values are shown of, and some of which none are. */
export function numbersSample(): EditorSample {
  const tensors = layOut([
    { name: "embed.weight", dtype: "BF16", shape: [32_000, 4096] },
    { name: "conv.weight", dtype: "F32", shape: [64, 3, 7, 5] },
    { name: "broken.weight", dtype: "F32", shape: [256, 100] },
    { name: "long.vector", dtype: "F16", shape: [50_000_000] },
    { name: "ids", dtype: "I64", shape: [4, 3] },
    { name: "mask", dtype: "BOOL", shape: [3, 4] },
    { name: "frequencies", dtype: "C64", shape: [6] },
    { name: "step", dtype: "F32", shape: [] },
    { name: "empty", dtype: "F32", shape: [0, 4] },
    { name: "lattice", dtype: "Q4_K", shape: [2, 256] },
    { name: "unheard", dtype: "Q9_X", shape: [256] },
    { name: "experts_blocks", dtype: "U8", shape: [4, 2, 16] },
    { name: "experts_scales", dtype: "U8", shape: [4, 2] },
    { name: "scaled", dtype: "QINT8", shape: [16, 4] },
  ]);
  return {
    tensors,
    state: {
      status: "ready",
      summary: summaryOf(tensors, (name) => name.split(".")[0], {
        name: "numbers.safetensors",
        path: "/data/numbers.safetensors",
        headline: ["Model", "181 M parameters", "362 MB"],
      }),
    },
  };
}
