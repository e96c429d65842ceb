import { expect, test } from "vitest";
import { isPng, pictureFileName } from "../../src/host/files/pictureFile";

test.each([
  ["Singular values of ΔW", "Singular-values-of-dW.png"],
  ["../../etc/passwd", "etc-passwd.png"],
  ["loss / step: <b>", "loss-step-b.png"],
  ["模型 q_proj", "模型-q_proj.png"],
  ["\u202e...", "picture.png"],
  ["", "picture.png"],
])("%j becomes the file %s", (words, file) => {
  expect(pictureFileName(words)).toBe(file);
});

test("a name fits every file system", () => {
  expect(Buffer.byteLength(pictureFileName("層".repeat(500)))).toBeLessThan(255);
});

test("only what begins like a PNG file is one", () => {
  const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0);
  expect(isPng(png)).toBe(true);
  expect(isPng(png.subarray(0, 4))).toBe(false);
  expect(isPng(new TextEncoder().encode("<svg onload=alert(1)>"))).toBe(false);
});
