import { afterEach, expect, test } from "vitest";
import { editorStart } from "../../../src/protocol/editorStart";
import { editorSamples } from "../fakeHost/editor/editorSamples";
import { EditorPage } from "./editorPage";

let editor: EditorPage | undefined;

afterEach(async () => {
  expect(editor?.webview.errors ?? []).toEqual([]);
  await editor?.webview.close();
  editor = undefined;
});

const placesOf = (opened: EditorPage) =>
  opened.page.locator(".headline, .headline > *, .editor-name, .editor-path > .dim").evaluateAll((found) =>
    found.map((element) => {
      const { left, top, height } = element.getBoundingClientRect();
      const { color, fontSize } = getComputedStyle(element);
      return { text: element.textContent?.trim(), left, top, height, color, fontSize };
    }),
  );

test.each([
  ["begins with", (html: string) => html],
  ["is told", (told: string) => ({ told })],
])("the document %s the head of the page, which then stands where it stood", async (_how, begin) => {
  const html = editorStart({ ...editorSamples.adapter().state, generation: 1 }) ?? "";
  editor = await EditorPage.open({ readyMs: 1500 }, { start: begin(html) });
  const heading = editor.page.getByRole("heading", { level: 1 });
  await heading.waitFor();
  await editor.page.getByRole("button").first().waitFor({ state: "detached" });
  const begun = await placesOf(editor);
  expect(begun[0]?.text).toMatch(/LoRA adapter/);
  // Nothing takes it away again while the extension is asked.
  expect(await editor.page.getByRole("status").count()).toBe(0);
  await editor.page.getByRole("tab", { name: /Overview/ }).waitFor();
  expect(await heading.count()).toBe(1);
  const shown = await placesOf(editor);
  const plain = ({ text = "", ...place }: (typeof shown)[number]) => ({ ...place, text: text.slice(0, 12) });
  expect(shown.map(plain)).toEqual(begun.map(plain));
});

test("a document whose facts do not come begins with the page", async () => {
  editor = await EditorPage.open({}, { start: { told: "" } });
  await editor.page.getByRole("tab", { name: /Overview/ }).waitFor();
});

test.each(["light", "highContrast"] as const)(
  "a page that begins with its facts has the colours of %s",
  async (theme) => {
    const html = editorStart({ ...editorSamples.adapter().state, generation: 1 }) ?? "";
    editor = await EditorPage.open({}, { start: html, theme });
    await editor.page.getByRole("tab", { name: /Overview/ }).waitFor();
    const colours = await editor.page.evaluate(() => {
      const { backgroundColor, color } = getComputedStyle(document.body);
      const probe = document.body.appendChild(document.createElement("p"));
      probe.style.backgroundColor = "var(--vscode-editor-background)";
      probe.style.color = "var(--vscode-foreground)";
      const { backgroundColor: background, color: foreground } = getComputedStyle(probe);
      return { shown: [backgroundColor, color], theme: [background, foreground] };
    });
    expect(colours.shown).toEqual(colours.theme);
  },
);
