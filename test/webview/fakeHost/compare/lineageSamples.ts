import type { JsonValue } from "../../../../src/core/json/parseJson";
import { type Lineage, type LineageSource, lineageOf } from "../../../../src/core/stage/lineage";

const longName = "llama-3.1-8b-instruct-customer-support-dialogues-v2-lora-r64-alpha128-lr2e-4-seed42-merged";

function source(path: string, more: Partial<LineageSource> = {}): LineageSource {
  return { path, label: path.split("/").at(-1) ?? path, folder: path, isAdapter: true, ...more };
}

function stageFile(members: Record<string, string | number>): JsonValue {
  return new Map(Object.entries(members));
}

/** Pipelines by name: where a comparison's columns come from. */
export const lineageSamples: Readonly<Record<string, () => Lineage>> = {
  none: () => ({ nodes: [], edges: [] }),
  one: () => lineageOf([source("/runs/p/01-svd", { stage: "svd" })]),
  branches: () =>
    lineageOf([
      source("/runs/p/base", { stage: "base", isAdapter: false }),
      source("/runs/p/01-svd", { stage: "svd", base: { path: "/runs/p/base" } }),
      source("/runs/p/02-rank-reduction", {
        stage: "rank-reduction",
        stageFile: stageFile({ stage: "rank-reduction", parent: "../01-svd", energyKept: 0.972 }),
      }),
      source("/runs/p/03-fine-tuning", { stage: "fine-tuning" }),
      source("/runs/p/04-merged", {
        stage: "merged",
        isAdapter: false,
        stageFile: stageFile({
          stage: "merged",
          parent: "../03-fine-tuning",
          base: "../base",
          note: "base + its adapter",
        }),
      }),
      source(`/runs/p/${longName}`, {
        stage: "merged",
        isAdapter: false,
        stageFile: stageFile({ stage: "merged", parent: "../gone", base: "../base" }),
      }),
    ]),
  steps: () =>
    lineageOf(
      Array.from({ length: 30 }, (_, at) =>
        source(`/runs/p/checkpoint-${10 * at + 10}`, {
          step: 10 * at + 10,
          ...(at === 0 ? { stageFile: stageFile({ stage: "x", parent: "../gone" }) } : {}),
        }),
      ),
    ),
  thirty: () =>
    lineageOf([
      source("/runs/p/base", { stage: "base", isAdapter: false }),
      ...Array.from({ length: 29 }, (_, at) =>
        source(`/runs/p/snapshot-${at}`, {
          stage: at % 3 === 0 ? "rank-reduction" : "fine-tuning",
          stageFile: stageFile({
            parent: at === 0 ? "../base" : `../snapshot-${Math.max(0, at - 1 - (at % 4))}`,
            stage: "x",
            energyKept: 0.9,
          }),
        }),
      ),
    ]),
};
