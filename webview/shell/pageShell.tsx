import { type ComponentChildren, render, type VNode } from "preact";
import { Button } from "../ui/controls";
import { ErrorState, Loading } from "../ui/states";
import type { PageModel } from "./pageModel";

export interface PageShellProps<State> {
  readonly model: PageModel<State>;
  /** What is being read. */
  readonly loading: string;
  readonly onKeyDown?: (event: KeyboardEvent) => void;
  readonly children: (state: State) => ComponentChildren;
}

/** A page: what it shows once the extension has answered, that it waits, or that there was no answer. */
export function PageShell<State>({ model, loading, onKeyDown, children }: PageShellProps<State>) {
  const state = model.state.value;
  const failure = model.failure.value;
  return (
    <main class="page" onKeyDown={onKeyDown}>
      {state !== undefined ? (
        children(state)
      ) : failure === undefined ? (
        <Loading label={loading} />
      ) : (
        <ErrorState what="Checkpoint Explorer did not answer." where={failure.message}>
          <Button look="primary" onClick={() => void model.start()}>
            Try again
          </Button>
        </ErrorState>
      )}
    </main>
  );
}

/** Puts the page into its document; where that began with something to see, once there is more to show. */
export async function showPage(page: VNode, firstAnswer?: Promise<void>): Promise<void> {
  const root = document.getElementById("root") ?? document.body;
  if (root.hasChildNodes()) {
    await firstAnswer;
    root.replaceChildren();
  }
  render(page, root);
}
