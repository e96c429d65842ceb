import { expect, test } from "vitest";
import { pythonString } from "../../../../src/core/text/pythonString";
import { pythonSnippet } from "../../../../webview/editor/tensors/pythonSnippet";

test("the snippet opens the file of the tensor and loads only that tensor", () => {
  expect(pythonSnippet("safetensors", "/data/model-00001-of-00002.safetensors", "model.norm.weight")).toBe(
    [
      "from safetensors import safe_open",
      "",
      'with safe_open("/data/model-00001-of-00002.safetensors", framework="pt") as f:',
      '    tensor = f.get_tensor("model.norm.weight")',
      "",
    ].join("\n"),
  );
});

test("a format that safetensors does not read gets no snippet", () => {
  expect(pythonSnippet("gguf", "/data/model.gguf", "token_embd.weight")).toBeUndefined();
});

test.each([
  ["quotes end nothing", `a"); import os; os.system("x") #'`, `"a\\"); import os; os.system(\\"x\\") #'"`],
  ["backslashes stay", "C:\\new\\table", '"C:\\\\new\\\\table"'],
  ["a line does not break", "one\ntwo\r\tthree", '"one\\ntwo\\r\\tthree"'],
  ["a backslash at the end", "a\\", '"a\\\\"'],
  ["control characters", "\u0000\u0007\u007f\u0085", '"\\x00\\x07\\x7f\\x85"'],
  ["line separators of Unicode", "a\u2028b\u2029c", '"a\\u2028b\\u2029c"'],
  ["direction and zero width are seen", "a\u202eb\u200bc\ufeff", '"a\\u202eb\\u200bc\\ufeff"'],
  ["invisible letters are seen", "a\u3164b\ufe0f", '"a\\u3164b\\ufe0f"'],
  ["no-break space is no space", "a\u00a0b", '"a\\xa0b"'],
  ["scripts stay readable", "模型/é/ü/שלום", '"模型/é/ü/שלום"'],
  ["outside the basic plane", "\u{1f4a9}\u{e0041}", '"\u{1f4a9}\\U000e0041"'],
  ["half a surrogate pair", "a\ud800b\udc00", '"a\\ud800b\\udc00"'],
  ["nothing of an f-string or a raw string", "{x}%s$y`z`", '"{x}%s$y`z`"'],
])("a Python string: %s", (_what, text, literal) => {
  expect(pythonString(text)).toBe(literal);
});
