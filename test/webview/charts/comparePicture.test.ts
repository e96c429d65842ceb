import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { eachComparePage } from "../compare/comparePage";

const { open, sent } = eachComparePage();

interface SavedPicture {
  readonly params: { readonly bytes: Record<string, number>; readonly name: string };
}

async function savedPicture(page: Page): Promise<{ width: number; height: number; name: string }> {
  await expect.poll(() => sent("savePng"), { timeout: 25_000 }).toHaveLength(1);
  const [{ params }] = (await sent("savePng")) as [SavedPicture];
  const bytes = Object.values(params.bytes);
  expect(bytes.slice(0, 8)).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const size = await page.evaluate(async (png) => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(png)], { type: "image/png" }));
    return { width: bitmap.width, height: bitmap.height };
  }, bytes);
  return { ...size, name: params.name };
}

test("a chart is saved as a picture with its title and legend around it", async () => {
  const page = await open();
  await page.getByRole("button", { name: "model.layers.0.self_attn.k_proj" }).click();
  const canvas = page.getByRole("slider", { name: "Singular values of ΔW by k" }).locator("canvas");
  const box = await canvas.boundingBox();
  await page.getByRole("button", { name: "Save Singular values of ΔW as a PNG picture" }).click();
  const { width, height, name } = await savedPicture(page);
  expect(name).toBe("Singular values of ΔW");
  expect(width).toBe(2 * Math.round((box?.width ?? 0) + 32));
  expect(height).toBeGreaterThan(2 * (box?.height ?? 0) + 80);
});
