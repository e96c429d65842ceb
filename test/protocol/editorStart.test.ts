import { expect, it } from "vitest";
import { editorStart } from "../../src/protocol/editorStart";
import type { EditorState } from "../../src/protocol/editorSurface";
import { editorSamples } from "../webview/fakeHost/editor/editorSamples";

function named(name: string): EditorState {
  const { state } = editorSamples.model();
  if (state.status !== "ready") throw new Error("The sample is no checkpoint.");
  return { ...state, generation: 1, summary: { ...state.summary, name, path: `/models/${name}` } };
}

it("is text and never HTML, whatever a file is called", () => {
  const html = editorStart(named(`<img src=x onerror="alert(1)">&.pt`)) ?? "";
  expect(html).toContain("&#60;img src=x onerror=&#34;alert(1)&#34;&#62;&#38;.pt");
  expect(html).not.toContain("<img");
});

it.each([
  ["\u202e", "turns the direction of writing"],
  ["\u200b", "cannot be seen"],
  ["\u0007", "is a control character"],
  ["\u3164", "looks like nothing"],
  ["\ud800", "is half a character"],
])("leaves a name with %j, which %s, to the page", (character) => {
  expect(editorStart(named(`a${character}.pt`))).toBeUndefined();
});

it("is nothing of a file that could not be read or is gone", () => {
  expect(editorStart({ ...editorSamples.broken().state, generation: 1 })).toBeUndefined();
  expect(editorStart({ ...editorSamples.deleted().state, generation: 1 })).toBeUndefined();
});
