import { expect, test } from "vitest";
import { NameColumn } from "../../../../webview/ui/names/nameColumn";
import { realNames } from "../../fakeHost/realNames";

for (const [what, names] of Object.entries(realNames)) {
  test(`names that differ look different: ${what}`, () => {
    const column = NameColumn.of(names);
    for (const room of [60, 44, 36, 30, 24, 12, 1]) {
      const shown = names.map((name) => column.shown(name, room));
      expect(new Set(shown).size).toBe(new Set(names).size);
    }
  });

  test(`numbers and the last segment stay: ${what}`, () => {
    const column = NameColumn.of(names);
    for (const name of names) {
      const shown = column.shown(name, 1);
      const numbers = name.slice(column.prefix.length).match(/\d+/g) ?? [];
      expect(shown.match(/\d+/g) ?? []).toEqual(numbers);
      expect(shown.endsWith(/[^./_]+$/.exec(name)?.[0] ?? "")).toBe(true);
    }
  });

  test(`a name that fits is whole without what all share, and one that can be made to fit fits: ${what}`, () => {
    const column = NameColumn.of(names);
    for (const name of names) {
      expect(column.prefix + column.shown(name, column.longest)).toBe(name);
      expect(column.shown(name, 44).length).toBeLessThanOrEqual(44);
    }
  });
}

test("what all names begin with ends at a separator, and a little of it is not worth a second look", () => {
  expect(NameColumn.of(["model.layers.0.a", "model.layers.10.b"]).prefix).toBe("model.layers.");
  expect(NameColumn.of(["model/layers/0", "model/layers/1"]).prefix).toBe("model/layers/");
  expect(NameColumn.of(["net.a", "net.b"]).prefix).toBe("");
  expect(NameColumn.of(["model.a", "other.b"]).prefix).toBe("");
  expect(NameColumn.of(["model.layers.0"]).prefix).toBe("");
});

test("what tells no name from another goes first, then what does is abbreviated", () => {
  const column = NameColumn.of(realNames["Llama with embeddings and norms"]);
  const name = "model.layers.12.self_attn.k_proj.weight";
  expect(column.shown(name, 40)).toBe(name);
  expect(column.shown(name, 38)).toBe("mod…layers.12.self_attn.k_proj.weight");
  expect(column.shown(name, 24)).toBe("mod…lay…12.sel…k_p…weight");
});

test("a name that is no member of the list is shortened too, and an empty list has nothing to say", () => {
  expect(NameColumn.of([]).shown("a.b.c", 3)).toBe("…c");
  expect(NameColumn.of(["x.y"]).shown("model.layers.3.mlp", 10)).toBe("…3.mlp");
});
