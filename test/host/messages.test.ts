import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, it } from "vitest";
import { confirm } from "../../src/host/messages";
import { plainText } from "../../src/host/plainText";
import { projectRoot } from "../support/projectRoot";
import { standIn } from "../support/vscodeStandIn";

it("leaves no link, no icon and nothing invisible in the words of strangers", () => {
  expect(plainText("[x](command:workbench.action.quit)")).toBe("[x] (command:workbench.action.quit)");
  expect(plainText("$(warning) best\u202e\u0007")).toBe("$ (warning) best\\u202e\\u0007");
  expect(plainText("lora-r16 (step 300)\nsecond line")).toBe("lora-r16 (step 300)\nsecond line");
});

/** What of VS Code shows text that may be a stranger's, and the files that may use it. */
const raw =
  /window\s*\.\s*(?:show(?:Information|Warning|Error)Message|showQuickPick|createQuickPick|withProgress|setStatusBarMessage)\b|appendMarkdown\((?!"\\n\\n"\))|new vscode\.MarkdownString\([^)]|supportHtml|isTrusted/;

it("has every word pass through there", () => {
  const host = join(projectRoot, "src", "host");
  const found = readdirSync(host, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && name !== "messages.ts")
    .filter((name) => raw.test(readFileSync(join(host, name), "utf8")));
  expect(found.map((name) => relative(".", name))).toEqual([]);
});

it("shows a run that is named like a link as text", async () => {
  standIn.answer = "Move to Trash";
  expect(await confirm("Delete [x](command:workbench.action.quit)?", "", "Move to Trash")).toBe(true);
  expect(standIn.shown).toEqual(["Delete [x] (command:workbench.action.quit)?"]);
});
