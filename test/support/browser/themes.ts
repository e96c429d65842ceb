export type ThemeName = "dark" | "light" | "highContrast";

export const themeNames: readonly ThemeName[] = ["dark", "light", "highContrast"];

/** The setting that chooses a theme, and the class by which the workbench shows that it took effect. */
export const themes: Readonly<Record<ThemeName, { setting: string; cssClass: string }>> = {
  dark: { setting: "Dark 2026", cssClass: "vs-dark" },
  light: { setting: "Light 2026", cssClass: "vs" },
  highContrast: { setting: "Default High Contrast", cssClass: "hc-black" },
};

/** What VS Code puts into every webview page; captured from a real one by captureThemes.ts into themes/. */
export interface CapturedTheme {
  /** Of the body: `vscode-dark` and the like; also its attribute `data-vscode-theme-kind`. */
  readonly kind: string;
  /** Attribute `data-vscode-theme-id` of the body. */
  readonly id: string;
  /** The custom properties on the html element, such as `--vscode-foreground`. */
  readonly variables: Readonly<Record<string, string>>;
}
