import { Button } from "../ui/controls";
import { safeText } from "../ui/safeText";
import { Progress } from "../ui/states";
import type { CompareModel } from "./compareModel";

export interface WorkingViewProps {
  readonly model: CompareModel;
  readonly paths: readonly string[];
}

/** The first comparison is being computed. */
export function WorkingView({ model, paths }: WorkingViewProps) {
  const progress = model.progress.value;
  return (
    <div class="compare-working">
      <Progress
        label={safeText(progress?.label ?? "Comparing the snapshots…")}
        done={progress?.done}
        total={progress?.total}
        onCancel={() => model.host.notify("cancel", null)}
      />
      {paths.length > 0 && (
        <ul class="compare-working-paths" aria-label="Snapshots">
          {paths.map((path) => (
            <li key={path} class="mono wrap dim">
              {safeText(path)}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** The same as one line above the last comparison, which stays in sight. */
export function WorkingBar({ model }: { readonly model: CompareModel }) {
  const progress = model.progress.value;
  const known = progress !== undefined && progress.total > 0;
  return (
    <div class="working-bar">
      <p role="status" class="ellipsis">
        {safeText(progress?.label ?? "Comparing the snapshots…")}
      </p>
      <progress
        aria-label="Comparing the snapshots"
        {...(known ? { value: progress.done, max: progress.total } : {})}
      />
      <Button onClick={() => model.host.notify("cancel", null)}>Cancel</Button>
    </div>
  );
}
