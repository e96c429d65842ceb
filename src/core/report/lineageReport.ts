import type { CompareStep } from "../compare/compareSteps";
import type { Lineage, LineageEdge } from "../stage/lineage";
import { layOutLineage } from "../stage/lineageLayout";
import { printable } from "../text/printable";

/** What was measured between two snapshots, by their paths. */
export type MeasuredSteps = ReadonlyMap<string, string>;

/** The sentences of steps between neighbouring columns, for `lineageReport`. */
export function measuredSteps(
  paths: readonly string[],
  steps: readonly CompareStep[] | undefined,
): MeasuredSteps {
  // Of a model and an adapter nothing is measured here.
  const told = (steps ?? []).filter(({ change }) => change !== undefined);
  return new Map(
    told.map(({ from, to, sentence }) => [stepKey(paths[from] ?? "", paths[to] ?? ""), sentence]),
  );
}

function stepKey(from: string, to: string): string {
  return JSON.stringify([from, to]);
}

/** What `compare --graph --json` prints: a contract that scripts depend on (README, "Command line"). */
export function lineageReport({ nodes, edges }: Lineage, measured: MeasuredSteps) {
  return {
    nodes: nodes.map(({ path, label, stage, step, status }) => ({ path, label, stage, step, status })),
    edges: edges.map((edge) => {
      const [from, to] = [nodes[edge.from]?.path ?? "", nodes[edge.to]?.path ?? ""];
      return {
        from,
        to,
        role: edge.role,
        source: edge.source,
        inferred: isInferred(edge),
        text: edge.text,
        measured: measured.get(stepKey(from, to)),
      };
    }),
  };
}

/** Nobody wrote it down. */
function isInferred({ source }: LineageEdge): boolean {
  return source === "steps" || source === "stages";
}

const sourceNotes = {
  "stage-file": "",
  config: ", which adapter_config.json names",
  steps: " (inferred from the steps)",
  stages: " (inferred from the stages)",
} as const;

/** The same for people: a row a snapshot, parents above their children, each with where it comes from. */
export function lineageText(lineage: Lineage, measured: MeasuredSteps): string {
  const { nodes, edges } = lineage;
  const { lanes, laneCount } = layOutLineage(lineage);
  const lines = nodes.flatMap(({ label, path, stage, status }, row) => {
    const marks = Array.from({ length: laneCount }, (_, lane) =>
      lane === lanes[row] ? (status === "here" ? "●" : "○") : isPassing(lineage, lane, row) ? "│" : " ",
    );
    const facts = [
      stage,
      status === "missing" ? "missing" : status === "elsewhere" ? "not on this disk" : undefined,
    ];
    const told = facts
      .filter((fact) => fact !== undefined)
      .map(printable)
      .join(", ");
    const origins = edges.flatMap((edge) => {
      if (edge.to !== row) return [];
      const from = nodes[edge.from];
      const text = measured.get(stepKey(from?.path ?? "", path)) ?? edge.text ?? "";
      const role = edge.role === "base" ? "onto" : "from";
      const origin = `${role} ${from?.label ?? ""}${sourceNotes[edge.source]}`;
      const said = [origin, text].filter((part) => part !== "").join(": ");
      return `${" ".repeat(2 * laneCount)}   ${printable(said)}`;
    });
    return [`${marks.join(" ")}  ${printable(label)}${told === "" ? "" : `  (${told})`}`, ...origins];
  });
  return lines.join("\n");
}

function isPassing(lineage: Lineage, lane: number, row: number): boolean {
  const { edgeLanes } = layOutLineage(lineage);
  return lineage.edges.some(({ from, to }, at) => edgeLanes[at] === lane && from < row && row < to);
}
