import { capitalised } from "../../../src/core/text/capitalised";
import { formatBytes, formatCount, plural } from "../../../src/core/text/quantities";
import { Button } from "../../ui/controls";
import { type Fact, FactList } from "../../ui/factList";
import { Icon } from "../../ui/icon";
import { safeMultilineText, safeText } from "../../ui/safeText";
import { Section } from "../../ui/section";
import { ShareBar } from "../../ui/shareBar";
import type { OverviewProps } from "./overviewTab";
import { RankMapSection } from "./rankMapSection";

/** What several processes saved together: who has what, what is missing, and how it is loaded. */
export function DistributedSection({ model, summary }: OverviewProps) {
  const { distributed } = summary;
  if (distributed === undefined) return null;
  const { worldSize, parallel, pieces, mostPieces, mostFiles, ranks, load } = distributed;
  const isCut = mostPieces > 1;
  const facts: Fact[] = [
    ...(worldSize === undefined ? [] : [{ name: "Ranks", value: formatCount(worldSize) }]),
    ...parallel.map(({ name, size }) => ({ name: capitalised(safeText(name)), value: formatCount(size) })),
    ...(isCut
      ? [
          {
            name: "Pieces of tensors",
            value: formatCount(pieces),
            note: `up to ${formatCount(mostPieces)} a tensor, in ${plural(mostFiles, "file")}`,
          },
        ]
      : []),
  ];
  return (
    <Section title="Distributed checkpoint" note={safeText(distributed.title)}>
      <Readability model={model} summary={summary} />
      {facts.length > 0 && <FactList facts={facts} />}
      <States summary={summary} />
      {ranks !== undefined && <RankMapSection model={model} ranks={ranks} files={summary.files} />}
      {load !== undefined && (
        <div class="load-advice">
          <p>{safeText(load.sentence)}</p>
          {load.snippet !== undefined && (
            <>
              <pre class="mono load-snippet">{safeMultilineText(load.snippet)}</pre>
              <div class="button-row">
                <Button
                  onClick={() =>
                    model.host.notify("copy", { text: load.snippet ?? "", what: "Python snippet" })
                  }
                >
                  Copy
                </Button>
              </div>
            </>
          )}
        </div>
      )}
    </Section>
  );
}

function Readability({ summary }: OverviewProps) {
  const { partlyReadable = 0, unreadable = 0 } = summary.distributed ?? {};
  if (partlyReadable + unreadable === 0) return null;
  const whole = summary.tensorCount - partlyReadable - unreadable;
  const told = [
    `${formatCount(whole)} of ${plural(summary.tensorCount, "tensor")} can be read whole`,
    ...(partlyReadable > 0 ? [`${formatCount(partlyReadable)} in part`] : []),
    ...(unreadable > 0 ? [`${formatCount(unreadable)} not at all`] : []),
  ];
  return (
    <p class="verdict">
      <Icon name="error" class="error" />
      <span>
        {`${told.join(", ")}. A tensor's details say which of its rows are missing, and whose file holds them.`}
      </span>
    </p>
  );
}

/** Weights, masters and moments with their bytes. */
function States({ summary }: Pick<OverviewProps, "summary">) {
  const states = summary.distributed?.states ?? [];
  const total = states.reduce((sum, { bytes }) => sum + bytes, 0);
  if (states.length === 0) return null;
  return (
    <table class="share-table states-table" aria-label="Weights and optimizer state">
      <colgroup>
        <col />
        <col class="share-bar-column" />
        <col class="share-number-column" />
        <col class="share-number-column" />
      </colgroup>
      <thead>
        <tr>
          <th scope="col">State</th>
          <th scope="col" class="cell-end" colSpan={2}>
            Size
          </th>
          <th scope="col" class="cell-end">
            Tensors
          </th>
        </tr>
      </thead>
      <tbody>
        {states.map(({ state, bytes, tensors }) => (
          <tr key={state}>
            <th scope="row">{capitalised(state)}</th>
            <td class="share-bar-cell">
              <ShareBar share={total > 0 ? bytes / total : 0} />
            </td>
            <td class="cell-end">{formatBytes(bytes)}</td>
            <td class="cell-end">{formatCount(tensors)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
