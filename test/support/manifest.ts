import { type FileKind, fileKinds } from "../../src/core/formats/fileKinds";

interface Manifest {
  readonly contributes: {
    readonly customEditors: { readonly priority: string; selector: readonly object[] }[];
    readonly menus: Readonly<Record<string, { readonly command?: string; when?: string }[]>>;
  };
}

/** Which files have a command of the Explorer's menu. */
const menuFiles: Readonly<Record<string, (kind: FileKind) => boolean>> = {
  open: ({ menu }) => menu !== undefined,
  compareSelected: ({ menu }) => menu === "compare",
  selectForCompare: ({ menu }) => menu === "compare",
  compareWithSelected: ({ menu }) => menu === "compare",
  // One file of many is no checkpoint that could be saved.
  saveAsSafetensors: ({ menu, name }) => menu !== undefined && name !== ".safetensors" && name !== ".distcp",
};

/** package.json with the files that `fileKinds.ts` names, in its editors' selectors and the conditions of its menus. */
export function withFileKinds(packageJson: string): string {
  const manifest = JSON.parse(packageJson) as Manifest;
  const { customEditors, menus } = manifest.contributes;
  for (const editor of customEditors) {
    const opened = fileKinds.filter((kind) => kind.editor === editor.priority).map(({ name }) => name);
    const endings = opened.filter((name) => name.startsWith(".")).map((name) => name.slice(1));
    const names = opened.filter((name) => !name.startsWith("."));
    editor.selector = [`*.{${endings.join(",")}}`, ...names].map((filenamePattern) => ({ filenamePattern }));
  }
  for (const entry of Object.values(menus).flat()) {
    const isListed = menuFiles[entry.command?.split(".").at(-1) ?? ""];
    if (isListed === undefined || entry.when === undefined) continue;
    const endings = fileKinds.filter(isListed).map(({ name }) => name.slice(1));
    entry.when = entry.when.replace(/(?<=resourceExtname =~ \/\\\.\()[^)]*/, endings.join("|"));
  }
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}
