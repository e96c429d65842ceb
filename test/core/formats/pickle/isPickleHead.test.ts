import { describe, expect, it } from "vitest";
import { isPickleHead } from "../../../../src/core/formats/pickle/isPickleHead";
import { latin1 } from "./latin1";

const head = (text: string) => isPickleHead(latin1(text));

describe("bytes that are no pickle", () => {
  it.each([
    ["Python's source code", "import os\nos.environ['CUDA_VISIBLE_DEVICES'] = '-1'\nimport numpy\n"],
    ["source with Windows' line ends", "import os\r\nos.environ['A'] = '1'\r\n"],
    ["source that names what runs code", "import torch.nn as nn\nimport subprocess\nos.system('ls')\n"],
    ["a sentence", "ils sont limites par os\nsystem et les autres\nil ne a\n"],
    ["a list of words", "cat\ndog\nbird\nhorse\n"],
    ["numbers that read as a code of copyreg", "N\x84\x11\x22\x33\x44\x83\x35\x97\x82\x05\x93\x00\x01"],
    ["numbers that read as names", "(i\x17\xa0\xf1p\x02=\xa0\nos.\x81\x02=\x8b/\n\x00\x01"],
  ])("%s", (_what, text) => {
    expect(head(text)).toBe(false);
  });
});

describe("pickles of every protocol", () => {
  it.each([
    ["an import in text", "cos\nsystem\n(S'ls'\ntR."],
    ["an instance in text", "(S'ls'\nios\nsystem\n."],
    ["an import behind a value", "Ncos\nsystem\n(S'ls'\ntR."],
    ["an import behind what fails", "N}}uacos\nsystem\n(S'ls'\ntR."],
    ["a class that is not known", "ccollections\nOrderedDict\n(tR."],
    ["one that goes on behind the head", "ccollections\nOrderedDict\n(tR(S'a'\n"],
    ["a protocol", "\x80\x02}."],
    ["a name in other letters than Latin ones", "cos\nsystem\n(S'\xe9'\ntR."],
  ])("%s", (_what, text) => {
    expect(head(text)).toBe(true);
  });
});
