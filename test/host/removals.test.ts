import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { classifyEntry } from "../../src/core/parts/parts";
import type { RunCheckpoint } from "../../src/core/runs/run";
import { changeSinceShown, type PlannedRemoval, planRemovals } from "../../src/host/runs/removalPlan";
import { removalQuestion } from "../../src/host/runs/removalText";
import { type FileRemover, removeFiles } from "../../src/host/runs/removeFiles";
import { checkpoint } from "../core/runs/merge/runSamples";

let scratch: string;
let root: string;

beforeEach(() => {
  scratch = realpathSync(mkdtempSync(join(tmpdir(), "removals-")));
  root = join(scratch, "workspace");
  mkdirSync(root);
});

afterEach(() => rmSync(scratch, { recursive: true, force: true }));

/** A checkpoint folder with 100 bytes of weights and 20 of progress. */
function save(folder: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "model.safetensors"), "x".repeat(100));
  writeFileSync(join(folder, "trainer_state.json"), "x".repeat(20));
  return folder;
}

const at = (path: string, extra: Partial<RunCheckpoint> = {}) => checkpoint(10, { path, ...extra });

async function reasonFor(one: RunCheckpoint): Promise<string | undefined> {
  const { planned, refused } = await planRemovals([one], [root]);
  expect(planned.length + refused.length).toBe(1);
  return refused[0]?.reason;
}

describe("before anything is deleted", () => {
  test("files and bytes are counted on disk, and strange folders are named", async () => {
    const path = save(join(root, "out", "checkpoint-10"));
    mkdirSync(join(path, "global_step10"));
    writeFileSync(join(path, "global_step10", "mp_rank_00_model_states.pt"), "x".repeat(7));
    mkdirSync(join(path, "my notes"));
    const { planned } = await planRemovals([at(path)], [root]);
    expect(planned).toMatchObject([
      { files: 3, bytes: 127, removals: [{ path, kind: "folder" }], unrecognised: ["my notes"] },
    ]);
  });

  test("what links in it point to is neither counted nor touched", async () => {
    const path = save(join(root, "checkpoint-10"));
    mkdirSync(join(scratch, "elsewhere"));
    writeFileSync(join(scratch, "elsewhere", "base.safetensors"), "x".repeat(5000));
    symlinkSync(join(scratch, "elsewhere"), join(path, "base"));
    const { planned } = await planRemovals([at(path)], [root]);
    expect(planned[0]?.bytes).toBeLessThan(1000);
  });

  test("of a checkpoint that is kept, what it is resumed with may go alone", async () => {
    const path = save(join(root, "checkpoint-10"));
    const file = join(path, "optimizer.pt");
    writeFileSync(file, "x".repeat(300));
    const parts = ["model.safetensors", "optimizer.pt", "trainer_state.json"].map((name) => ({
      ...classifyEntry({ name, kind: "file" }),
      ...{ path: join(path, name), size: 1 },
    }));
    const { planned } = await planRemovals([at(path, { parts })], [root], "state");
    expect(planned).toMatchObject([{ bytes: 300, removals: [{ path: file, kind: "file" }] }]);
    const { title, detail } = removalQuestion(planned, [], (shown) => shown);
    expect(title).toBe("Delete the state of 1 checkpoint, 300 bytes?");
    expect(detail).toContain("cannot be resumed from then on");
    const look = () => changeSinceShown(planned[0] as PlannedRemoval, [root]);
    expect(await look()).toBeUndefined();
    writeFileSync(file, "x".repeat(400));
    expect(await look()).toBe("it has changed since it was shown");
  });

  test("a file whose bytes stay in another checkpoint may go alone, while that one is as it was", async () => {
    const [first, last] = [10, 20].map((step) => save(join(root, `checkpoint-${step}`))) as [string, string];
    const removal = { path: join(first, "model.safetensors"), kind: "file" as const };
    const planned = async (sameAs: string) =>
      planRemovals([at(first)], [root], "copies", () => [{ ...removal, sameAs }]);
    const plan = await planned(join(last, "model.safetensors"));
    expect(plan.planned).toMatchObject([{ bytes: 100, what: "copies" }]);
    const { title, detail } = removalQuestion(plan.planned, [], (shown) => shown);
    expect(title).toBe("Delete copies in 1 checkpoint, 100 bytes?");
    expect(detail).toContain("the same bytes stay in checkpoint-20. Copy them back");
    const look = () => changeSinceShown(plan.planned[0] as PlannedRemoval, [root]);
    expect(await look()).toBeUndefined();
    writeFileSync(join(last, "model.safetensors"), "y".repeat(100));
    expect(await look()).toBe("it has changed since it was shown");
    rmSync(join(last, "model.safetensors"));
    expect(await look()).toContain("is not what it was compared with");
    linkSync(removal.path, join(last, "model.safetensors"));
    expect((await planned(join(last, "model.safetensors"))).refused[0]?.reason).toContain(
      "nothing would be free",
    );
  });

  test("another folder in its place, of as many files and bytes, is not what was shown", async () => {
    const path = save(join(root, "checkpoint-10"));
    const { planned } = await planRemovals([at(path)], [root]);
    renameSync(path, join(root, "kept"));
    save(path);
    expect(await changeSinceShown(planned[0] as PlannedRemoval, [root])).toContain("has changed");
    rmSync(path, { recursive: true });
    expect(await changeSinceShown(planned[0] as PlannedRemoval, [root])).toContain("is gone");
  });

  test("a link in place of the checkpoint is refused", async () => {
    save(join(scratch, "elsewhere", "checkpoint-10"));
    symlinkSync(join(scratch, "elsewhere", "checkpoint-10"), join(root, "checkpoint-10"));
    expect(await reasonFor(at(join(root, "checkpoint-10")))).toContain("is a link");
  });

  test("a checkpoint that is seen through a link and lies elsewhere is refused", async () => {
    save(join(scratch, "elsewhere", "checkpoint-10"));
    symlinkSync(join(scratch, "elsewhere"), join(root, "outputs"));
    const reason = await reasonFor(at(join(root, "outputs", "checkpoint-10")));
    expect(reason).toContain("outside of the open folders");
    expect(reason).toContain(join(scratch, "elsewhere"));
  });

  test("a workspace that is opened through a link is no reason to refuse", async () => {
    save(join(root, "checkpoint-10"));
    symlinkSync(root, join(scratch, "opened"));
    const { planned } = await planRemovals(
      [at(join(scratch, "opened", "checkpoint-10"))],
      [join(scratch, "opened")],
    );
    expect(planned).toHaveLength(1);
  });

  test("a folder that begins like the workspace is not in it", async () => {
    const path = save(join(scratch, "workspace-2", "checkpoint-10"));
    expect(await reasonFor(at(path))).toContain("outside of the open folders");
  });

  test("what is no checkpoint any more, or gone, is refused", async () => {
    const emptied = join(root, "checkpoint-10");
    mkdirSync(emptied);
    writeFileSync(join(emptied, "thesis.tex"), "x");
    expect(await reasonFor(at(emptied))).toContain("holds no checkpoint any more");
    expect(await reasonFor(at(join(root, "checkpoint-20")))).toContain("is gone");
    writeFileSync(join(root, "checkpoint-30"), "x");
    expect(await reasonFor(at(join(root, "checkpoint-30")))).toContain("not what it was");
    expect(await reasonFor(at(save(join(root, "thesis"))))).toContain("not recognised");
  });
});

describe("the question", () => {
  test("names each folder with its files and bytes, the sum, and what stays", async () => {
    const paths = [10, 20].map((step) => save(join(root, "out", `checkpoint-${step}`)));
    mkdirSync(join(paths[0] ?? "", "notes"));
    const gone = at(join(root, "out", "checkpoint-30"), { name: "checkpoint-30" });
    const { planned, refused } = await planRemovals([...paths.map((path) => at(path)), gone], [root]);
    const { title, detail } = removalQuestion(planned, refused, (path) => path.slice(scratch.length + 1));
    expect(title).toBe("Delete 2 checkpoints, 240 bytes?");
    expect(detail).toContain("workspace/out/checkpoint-10/ (2 files, 120 bytes)");
    expect(detail).toContain("workspace/out/checkpoint-20/ (2 files, 120 bytes)");
    expect(detail).toContain("no trainer writes it: workspace/out/checkpoint-10/notes.");
    expect(detail).toMatch(/Not deleted: checkpoint-30: .*is gone/);
    expect(detail).toContain("cannot be evaluated, compared, averaged or resumed from");
  });

  test("of many says how many more and how much", async () => {
    const list = Array.from({ length: 40 }, (_, step) => at(save(join(root, `checkpoint-${step}`))));
    const { planned, refused } = await planRemovals(list, [root]);
    const { detail } = removalQuestion(planned, refused, (path) => path);
    expect(detail).toContain("… and 25 more (3.00 kB)");
  });
});

describe("deleting", () => {
  const planned = [10, 20].map((step) => ({
    checkpoint: checkpoint(step),
    removals: [{ path: `/ws/out/checkpoint-${step}`, kind: "folder" as const }],
    files: 1,
    bytes: 1,
    unrecognised: [],
    what: "checkpoint" as const,
    mark: "",
  }));

  function remover(overrides: Partial<FileRemover>): FileRemover & { readonly calls: string[] } {
    const calls: string[] = [];
    return {
      calls,
      lookAgain: async () => undefined,
      moveToTrash: async (path) => void calls.push(`trash ${path}`),
      deleteForGood: async (path) => void calls.push(`delete ${path}`),
      askForGood: async () => {
        calls.push("ask");
        return false;
      },
      ...overrides,
    };
  }

  const noTrash = async () => {
    throw new Error("no trash");
  };

  test("goes into the trash without a further question", async () => {
    const into = remover({});
    const outcome = await removeFiles(planned, into);
    expect(into.calls).toEqual(["trash /ws/out/checkpoint-10", "trash /ws/out/checkpoint-20"]);
    expect(outcome).toMatchObject({ removed: planned, forGood: false, cancelled: false });
  });

  test("without a trash asks once, with the reason, before anything is gone for good", async () => {
    const reasons: string[] = [];
    const into = remover({
      moveToTrash: noTrash,
      askForGood: async (reason) => {
        reasons.push(reason);
        return true;
      },
    });
    const outcome = await removeFiles(planned, into);
    expect(reasons).toEqual(["no trash"]);
    expect(into.calls).toEqual(["delete /ws/out/checkpoint-10", "delete /ws/out/checkpoint-20"]);
    expect(outcome).toMatchObject({ removed: planned, forGood: true });
  });

  test("deletes nothing where the user then decides against it", async () => {
    const into = remover({ moveToTrash: noTrash });
    const outcome = await removeFiles(planned, into);
    expect(into.calls).toEqual(["ask"]);
    expect(outcome).toMatchObject({ removed: [], cancelled: true });
  });

  test("looks again before each, and once more when a second question was answered", async () => {
    let looks = 0;
    const into = remover({
      moveToTrash: noTrash,
      askForGood: async () => true,
      // The first has changed while the second dialog stood open.
      lookAgain: async () => (++looks === 2 ? "it has changed since it was shown" : undefined),
    });
    const outcome = await removeFiles(planned, into);
    expect(into.calls).toEqual(["delete /ws/out/checkpoint-20"]);
    expect(outcome.failed).toMatchObject([{ reason: "it has changed since it was shown" }]);
  });

  test("tells what failed and goes on with the rest", async () => {
    const into = remover({
      moveToTrash: noTrash,
      askForGood: async () => true,
      deleteForGood: async (path) => {
        if (path.endsWith("-10")) throw new Error("permission denied");
      },
    });
    const outcome = await removeFiles(planned, into);
    expect(outcome.failed).toMatchObject([{ reason: "permission denied" }]);
    expect(outcome.removed).toHaveLength(1);
  });
});
