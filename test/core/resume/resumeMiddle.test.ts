import { expect, test } from "vitest";
import { checkOf, resumeOf, sampleCheckpoint, sampleFile } from "./resumeFiles";

const folder = "/run/checkpoint-240";

/** Nothing but its planned steps says that the last checkpoint of the sample run is the last. */
function inTheMiddle(change: (state: string) => string = (state) => state) {
  const files = sampleCheckpoint();
  const state = new TextDecoder()
    .decode(sampleFile("trainer_state.json"))
    .replace('"max_steps": 240', '"max_steps": 480')
    .replace('"should_training_stop": true', '"should_training_stop": false');
  files.write(`${folder}/trainer_state.json`, change(state));
  return files;
}

test("a learning rate of 0 with steps left: nothing would be learnt", async () => {
  const report = await resumeOf(inTheMiddle(), folder);
  expect(report.sentence).toMatch(/^Yes from step 240, but not exactly: schedule in doubt/);
  expect(checkOf(report, "Schedule")?.reason).toMatch(/learning rate of 0 with 240 steps left of 480/);
});

test.each([
  ['"num_train_epochs": 12', '"num_train_epochs": 3', /at epoch 12 of 3/],
  ['"global_step": 240', '"global_step": 120', /log goes on to step 240/],
])("a state that contradicts itself: %s", async (was, is, reason) => {
  const report = await resumeOf(
    inTheMiddle((state) => state.replace(was, is)),
    folder,
  );
  expect(checkOf(report, "Progress")).toMatchObject({
    verdict: "warning",
    reason: expect.stringMatching(reason),
  });
});
