import { useState } from "preact/hooks";
import { formatCount } from "../../../src/core/text/quantities";
import { Button, TextField } from "../controls";
import { Icon } from "../icon";
import { safeMultilineText, safeText } from "../safeText";

export interface KeyValueTableProps {
  readonly label: string;
  readonly rows: readonly (readonly [key: string, value: string])[];
  /** Numbers, sizes and the like are not code. */
  readonly plain?: boolean | undefined;
}

/** A longer table gets a search field. */
const searchableRows = 12;
/** A file may have a hundred thousand pairs; nobody reads on, they search. */
const shownRows = 100;
const shownCharacters = 400;

/** Names and values, such as metadata or a configuration. */
export function KeyValueTable({ label, rows, plain = false }: KeyValueTableProps) {
  const [search, setSearch] = useState("");
  const [limit, setLimit] = useState(shownRows);
  const words = search.trim().toLowerCase().split(/\s+/);
  const found = rows.filter(([key, value]) => {
    const text = `${key} ${value}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  return (
    <div class="key-values">
      {rows.length > searchableRows && (
        <TextField
          class="key-values-search"
          label={`Search ${label}`}
          placeholder={`Search ${formatCount(rows.length)} rows`}
          value={search}
          onInput={setSearch}
          start={<Icon name="search" />}
        />
      )}
      <table class={`key-value-table ${plain ? "plain" : ""}`} aria-label={label}>
        <tbody>
          {found.slice(0, limit).map(([key, value], index) => (
            // Files may repeat a key, so a key alone does not identify a row.
            <tr key={`${index} ${key}`}>
              <th scope="row" title={safeText(key)}>
                {safeText(key)
                  .split(/(?<=[._/])/)
                  .map((segment, at) => [at > 0 && <wbr />, segment])}
              </th>
              <td>
                <LongText text={value} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {found.length === 0 && <p class="dim">Nothing matches.</p>}
      {found.length > limit && (
        <Button onClick={() => setLimit(limit * 10)}>
          {`Show more (${formatCount(found.length - limit)} left)`}
        </Button>
      )}
    </div>
  );
}

function LongText({ text }: { readonly text: string }) {
  const [whole, setWhole] = useState(false);
  if (text === "") return <span class="dim">empty</span>;
  if (whole || text.length <= shownCharacters) return <>{safeMultilineText(text)}</>;
  return (
    <>
      {safeMultilineText(text.slice(0, shownCharacters))}…{" "}
      <button type="button" class="link" onClick={() => setWhole(true)}>
        {`show all ${formatCount(text.length)} characters`}
      </button>
    </>
  );
}
