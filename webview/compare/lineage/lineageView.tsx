import "../common";
import type { CompareView } from "../../../src/core/compare/compareView";
import type { Lineage, LineageEdge, LineageNode } from "../../../src/core/stage/lineage";
import { layOutLineage } from "../../../src/core/stage/lineageLayout";
import { Icon } from "../../ui/icon";
import { MiddleEllipsis } from "../../ui/names/middleEllipsis";
import { safeText } from "../../ui/safeText";
import type { CompareHost } from "../compareModel";
import { unbroken } from "../snapshots/stepSummaries";
import { LineageGutter } from "./lineageGutter";

export interface LineageViewProps {
  readonly host: CompareHost;
  readonly lineage: Lineage;
  /** What is compared beside it, whose steps were measured. */
  readonly view: CompareView | undefined;
}

/** Who says where a snapshot comes from, where it is not its own stage file. */
const sourceNotes: Readonly<Record<LineageEdge["source"], string>> = {
  "stage-file": "",
  config: "named by adapter_config.json",
  steps: "inferred from the steps",
  stages: "inferred from the stages",
};

/**
 * The pipeline from top to bottom, parents above their children: a row a snapshot with what each step to it kept and
 * changed. The lines at the left are a picture of what the rows say.
 */
export function LineageView({ host, lineage, view }: LineageViewProps) {
  const { nodes, edges } = lineage;
  const layout = layOutLineage(lineage);
  const isPlain = (edge: LineageEdge) => isPlainStep(lineage, edge, view);
  return (
    <section class="lineage" aria-label="Lineage">
      {edges.some(isPlain) && (
        <p class="lineage-note dim">Dashed: one follows the other by its step, which is inferred.</p>
      )}
      <ol>
        {nodes.map((node, row) => {
          const incoming = edges.filter(({ to }) => to === row);
          return (
            <li key={node.path} class="lineage-row">
              <LineageGutter lineage={lineage} layout={layout} row={row} />
              <div class="lineage-text">
                <NodeLine host={host} node={node} parent={parentOf(lineage, incoming)} />
                {incoming.map((edge) => (
                  <Origin key={edge.from} lineage={lineage} edge={edge} view={view} isPlain={isPlain(edge)} />
                ))}
              </div>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

/** From the row above by its step, with nothing measured: the dashed line says so, and 30 sentences say no more. */
function isPlainStep(
  { nodes, edges }: Lineage,
  { from, to, source, text }: LineageEdge,
  view: LineageViewProps["view"],
): boolean {
  if (source !== "steps" || text !== undefined || from !== to - 1) return false;
  if (edges.some((other) => other.to === to && other.from !== from)) return false;
  return measuredText(view, nodes[from]?.path, nodes[to]?.path) === undefined;
}

/** What a snapshot is compared with: its parent that is here, else its base. */
function parentOf({ nodes }: Lineage, incoming: readonly LineageEdge[]): LineageNode | undefined {
  const here = incoming.filter(({ from }) => nodes[from]?.status === "here");
  const edge = here.find(({ role }) => role === "parent") ?? here[0];
  return edge && nodes[edge.from];
}

interface NodeLineProps {
  readonly host: CompareHost;
  readonly node: LineageNode;
  readonly parent: LineageNode | undefined;
}

function NodeLine({ host, node, parent }: NodeLineProps) {
  const { path, label, stage, status } = node;
  const name = safeText(label);
  const shown = <MiddleEllipsis text={label} tail={18} />;
  return (
    <p class="lineage-node">
      {status === "here" ? (
        <button
          type="button"
          class="link lineage-name"
          title={`${safeText(path)}. Click to open.`}
          aria-label={`Open ${name}`}
          onClick={() => host.notify("open", { path })}
        >
          {shown}
        </button>
      ) : (
        <span class="lineage-name dim" title={safeText(path)}>
          {shown}
        </span>
      )}
      {stage !== undefined && <span class="lineage-stage">{safeText(stage)}</span>}
      {status !== "here" && (
        <span class="lineage-gap">
          <Icon
            name={status === "missing" ? "warning" : "info"}
            class={status === "missing" ? "warning" : "info"}
          />
          {status === "missing" ? "missing: nothing is at its path" : "not on this disk"}
        </span>
      )}
      {status === "here" && (
        <span class="lineage-actions">
          {parent !== undefined && (
            <button
              type="button"
              class="link"
              aria-label={`Compare ${name} with ${safeText(parent.label)}`}
              onClick={() => host.notify("compareApart", { paths: [parent.path, path] })}
            >
              Compare
            </button>
          )}
          <button
            type="button"
            class="link"
            aria-label={`Reveal ${name} in Training Runs`}
            onClick={() => host.notify("reveal", { path })}
          >
            Reveal
          </button>
        </span>
      )}
    </p>
  );
}

interface OriginProps {
  readonly lineage: Lineage;
  readonly edge: LineageEdge;
  readonly view: CompareView | undefined;
  readonly isPlain: boolean;
}

function Origin({ lineage: { nodes }, edge, view, isPlain }: OriginProps) {
  const [from, to] = [nodes[edge.from], nodes[edge.to]];
  const text = measuredText(view, from?.path, to?.path) ?? edge.text;
  const note = sourceNotes[edge.source];
  return (
    <p class={isPlain ? "visually-hidden" : "lineage-origin"}>
      <span class="dim">{edge.role === "base" ? "onto " : "from "}</span>
      {safeText(from?.label ?? "")}
      {note !== "" && <span class="dim">{` (${note})`}</span>}
      {text !== undefined && `: ${unbroken(safeText(text))}`}
    </p>
  );
}

/** What the comparison measured between two neighbouring columns; nothing of a model and an adapter. */
function measuredText(
  view: CompareView | undefined,
  from: string | undefined,
  to: string | undefined,
): string | undefined {
  const step = view?.steps?.find(
    (each) => view.columns[each.from]?.path === from && view.columns[each.to]?.path === to,
  );
  return step?.change === undefined ? undefined : step.sentence;
}
