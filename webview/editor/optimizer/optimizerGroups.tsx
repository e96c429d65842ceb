import type { OptimizerView } from "../../../src/core/optimizer/optimizerView";
import { plural } from "../../../src/core/text/quantities";
import { safeText } from "../../ui/safeText";
import { ScrollRegion } from "../../ui/scrollRegion";
import { Section } from "../../ui/section";
import type { EditorModel } from "../editorModel";

export interface OptimizerGroupsProps {
  readonly model: EditorModel;
  readonly view: OptimizerView;
}

/** What people look for first. */
const firstKeys = ["lr", "initial_lr", "weight_decay", "betas", "momentum", "eps"];
const title = "Parameter groups";

/** The groups side by side; rows in which they differ come first and are marked. */
export function OptimizerGroups({ model, view }: OptimizerGroupsProps) {
  const { groups, groupCount } = view;
  const open = !model.isSectionToggled(title);
  const differing = new Set(view.differingKeys);
  const values = groups.map(({ hyperparameters }) => new Map(hyperparameters));
  const keys = [...new Set(groups.flatMap(({ hyperparameters }) => hyperparameters.map(([key]) => key)))];
  const place = (key: string) => {
    const at = firstKeys.indexOf(key);
    return (differing.has(key) ? 0 : 1000) + (at < 0 ? 500 : at);
  };
  keys.sort((a, b) => place(a) - place(b));
  const note =
    groups.length > 1
      ? `${plural(groupCount, "group")}, ${differing.size === 0 ? "all alike" : `${plural(differing.size, "setting differs", "settings differ")}`}`
      : plural(groupCount, "group");
  return (
    <Section
      title={title}
      note={note}
      class="optimizer-groups"
      open={open}
      onToggle={() => model.toggleSection(title)}
    >
      <ScrollRegion class="groups-scroll" label={title}>
        <table class="groups-table">
          <thead>
            <tr>
              <th scope="col">Setting</th>
              {groups.map(({ index, parameterCount }) => (
                <th key={index} scope="col">
                  {`Group ${index}`} <span class="dim block">{plural(parameterCount, "parameter")}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {keys.map((key) => (
              <tr key={key} class={differing.has(key) ? "differs" : ""}>
                <th scope="row" class="mono">
                  {safeText(key)}
                  {differing.has(key) && <span class="visually-hidden"> differs</span>}
                </th>
                {values.map((own, at) => (
                  <td key={groups[at]?.index} class="mono">
                    {own.has(key) ? safeText(own.get(key) ?? "") : <span class="dim">–</span>}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {groupCount > groups.length && (
          <p class="dim">{`and ${plural(groupCount - groups.length, "more group", "more groups")}`}</p>
        )}
      </ScrollRegion>
    </Section>
  );
}
