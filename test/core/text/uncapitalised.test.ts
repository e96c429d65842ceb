import { expect, test } from "vitest";
import { uncapitalised } from "../../../src/core/text/uncapitalised";

test.each([
  ["The file is cut.", "the file is cut."],
  ["PPO_agent_1.ckpt is missing.", "PPO_agent_1.ckpt is missing."],
  ["LoRA_model.bin is missing.", "LoRA_model.bin is missing."],
  ["", ""],
])("%j goes on after a colon as %j", (given, expected) => {
  expect(uncapitalised(given)).toBe(expected);
});
