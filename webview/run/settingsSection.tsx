import { useMemo, useState } from "preact/hooks";
import { settingRows } from "../../src/core/runs/series/configTable";
import { formatCount, plural } from "../../src/core/text/quantities";
import type { DrawnRun } from "../training/chartPlans";
import { Checkbox, TextField } from "../ui/controls";
import { Icon } from "../ui/icon";
import { safeText } from "../ui/safeText";
import { Section } from "../ui/section";
import { CopyTableButtons } from "../ui/tables/copyTableButtons";
import { type Column, DataTable } from "../ui/tables/dataTable";
import { KeyValueTable } from "../ui/tables/keyValueTable";
import { rowHeight } from "../ui/tables/rowHeight";

export interface SettingsSectionProps {
  readonly runs: readonly DrawnRun[];
  readonly open: boolean;
  readonly onToggle: (open: boolean) => void;
  readonly onCopy: (text: string, what: string) => void;
}

/** What the trainings ran with: of several only where they differ, unless everything is asked for. */
export function SettingsSection({ runs, open, onToggle, onCopy }: SettingsSectionProps) {
  const rows = useMemo(() => settingRows(runs.map(({ head }) => head.config)), [runs]);
  const differing = rows.filter(({ differs }) => differs).length;
  const [only, ...more] = runs;
  if (only === undefined) return null;
  if (more.length === 0) {
    if (rows.length === 0) return null;
    return (
      <Section title="Settings" note={plural(rows.length, "setting")} open={open} onToggle={onToggle}>
        <KeyValueTable label="Settings" rows={only.head.config} />
      </Section>
    );
  }
  const silent = runs.filter(({ head }) => head.config.length === 0).length;
  return (
    <Section
      title="Settings"
      note={
        rows.length === 0
          ? "no log or checkpoint has any"
          : `${formatCount(differing)} of ${formatCount(rows.length)} differ`
      }
      open={open && rows.length > 0}
      {...(rows.length === 0 ? {} : { onToggle })}
    >
      <SettingsTable runs={runs} rows={rows} silent={silent} onCopy={onCopy} />
    </Section>
  );
}

interface SettingsTableProps {
  readonly runs: readonly DrawnRun[];
  readonly rows: ReturnType<typeof settingRows>;
  readonly silent: number;
  readonly onCopy: (text: string, what: string) => void;
}

const mostRows = 14;

function SettingsTable({ runs, rows, silent, onCopy }: SettingsTableProps) {
  const [all, setAll] = useState(false);
  const [search, setSearch] = useState("");
  const [selected, setSelected] = useState<number>();
  const words = search.trim().toLowerCase();
  const shown = useMemo(
    () =>
      rows.filter(({ key, values, differs }) => {
        if (!all && !differs) return false;
        return words === "" || [key, ...values].join(" ").toLowerCase().includes(words);
      }),
    [rows, all, words],
  );
  const columns: Column[] = [
    {
      id: "setting",
      title: "Setting",
      width: "minmax(160px, 260px)",
      cell: (row) => <span title={safeText(shown[row]?.key ?? "")}>{safeText(shown[row]?.key ?? "")}</span>,
      text: (row) => shown[row]?.key ?? "",
    },
    ...runs.map(
      ({ id, name }, at): Column => ({
        id: `run ${id}`,
        title: safeText(name),
        help: safeText(name),
        width: "minmax(110px, 1fr)",
        cell: (row) => {
          const value = shown[row]?.values[at];
          if (value === undefined) return <span class="dim">–</span>;
          const isOdd = shown[row]?.differs === true && isMinority(shown[row]?.values ?? [], value);
          return (
            <span class={isOdd ? "setting-odd" : undefined} title={safeText(value)}>
              {safeText(value)}
            </span>
          );
        },
        text: (row) => shown[row]?.values[at] ?? "",
      }),
    ),
  ];
  return (
    <div class="settings-table">
      <div class="toolbar">
        <Checkbox checked={all} onChange={setAll}>
          All settings
        </Checkbox>
        <TextField
          label="Search settings"
          placeholder={`Search ${formatCount(rows.length)} settings`}
          value={search}
          onInput={setSearch}
          start={<Icon name="search" />}
        />
        {silent > 0 && <span class="dim">{`Nothing tells the settings of ${plural(silent, "run")}`}</span>}
        <CopyTableButtons columns={columns} count={shown.length} onCopy={onCopy} />
      </div>
      <div style={{ height: `${(Math.min(Math.max(shown.length, 2), mostRows) + 1) * rowHeight + 16}px` }}>
        <DataTable
          label="Settings"
          columns={columns}
          count={shown.length}
          rowKey={(row) => shown[row]?.key ?? row}
          selected={selected !== undefined && selected < shown.length ? selected : undefined}
          onSelect={setSelected}
          empty={all || words !== "" ? "No setting has this in it." : "All settings are the same."}
        />
      </div>
    </div>
  );
}

/** Fewer runs have it than have something else: there the eye should fall. */
function isMinority(values: readonly (string | undefined)[], value: string): boolean {
  const same = values.filter((each) => each === value).length;
  return same * 2 < values.length;
}
