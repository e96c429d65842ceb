import { relativePath } from "../../src/core/bytes/paths";
import type { Problem, Severity } from "../../src/core/problem/problem";
import { formatCount, plural } from "../../src/core/text/quantities";
import { Icon } from "./icon";
import { MessageText } from "./messageText";
import { safeText } from "./safeText";

export interface ProblemListProps {
  readonly problems: readonly Problem[];
  /** Of what is looked at: files in it are named without it. */
  readonly folder?: string;
  /** Makes the tensor's name a link. */
  readonly onShowTensor?: ((name: string) => void) | undefined;
}

const severities: readonly { readonly severity: Severity; readonly noun: string; readonly nouns: string }[] =
  [
    { severity: "error", noun: "error", nouns: "errors" },
    { severity: "warning", noun: "warning", nouns: "warnings" },
    { severity: "info", noun: "note", nouns: "notes" },
  ];

/** Findings, the worst first, each with what is known of its place. */
export function Problems({ problems, folder, onShowTensor }: ProblemListProps) {
  return (
    <>
      {severities.map(({ severity, noun, nouns }) => {
        const group = problems.filter((problem) => problem.severity === severity);
        if (group.length === 0) return null;
        return (
          <section key={severity} class="problem-group" aria-label={plural(group.length, noun, nouns)}>
            <h2 class="section-title">{plural(group.length, noun, nouns)}</h2>
            <ul class="problems">
              {group.map((problem, index) => (
                <li key={`${index} ${problem.code}`} class="problem">
                  <Icon name={severity} class={severity} label={noun} />
                  <div>
                    <p class="problem-message">
                      <MessageText text={problem.message} />
                    </p>
                    <ProblemPlace problem={problem} folder={folder} onShowTensor={onShowTensor} />
                  </div>
                </li>
              ))}
            </ul>
          </section>
        );
      })}
    </>
  );
}

interface ProblemPlaceProps {
  readonly problem: Problem;
  readonly folder: string | undefined;
  readonly onShowTensor: ((name: string) => void) | undefined;
}

function ProblemPlace({ problem, folder, onShowTensor }: ProblemPlaceProps) {
  const { code, file, offset, tensor } = problem;
  return (
    <p class="problem-place">
      <code>{safeText(code)}</code>
      {file !== undefined && (
        <span class="mono" title={safeText(file)}>
          {safeText(folder === undefined ? file : relativePath(folder, file))}
        </span>
      )}
      {offset !== undefined && <span class="number">{`byte ${formatCount(offset)}`}</span>}
      {tensor !== undefined &&
        (onShowTensor === undefined ? (
          <span class="mono">{safeText(tensor)}</span>
        ) : (
          <button type="button" class="link mono" onClick={() => onShowTensor(tensor)}>
            {safeText(tensor)}
          </button>
        ))}
    </p>
  );
}
