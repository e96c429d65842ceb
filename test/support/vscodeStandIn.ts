import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** As much of `vscode` as unit tests of the extension host need: what is not here is left to the end-to-end tests. */

type Listener<T> = (event: T) => unknown;

export class EventEmitter<T> {
  private readonly listeners = new Set<Listener<T>>();
  readonly event = (listener: Listener<T>) => {
    this.listeners.add(listener);
    return { dispose: () => this.listeners.delete(listener) };
  };

  fire(event: T): void {
    for (const listener of this.listeners) listener(event);
  }

  dispose(): void {
    this.listeners.clear();
  }
}

export class Uri {
  private constructor(
    readonly scheme: string,
    readonly path: string,
  ) {}

  static file(path: string): Uri {
    return new Uri("file", path);
  }

  static joinPath(uri: Uri, ...names: string[]): Uri {
    return new Uri(uri.scheme, join(uri.path, ...names));
  }

  get fsPath(): string {
    return this.path;
  }

  toString(): string {
    return `${this.scheme}://${this.path}`;
  }
}

export class RelativePattern {
  constructor(
    readonly base: Uri,
    readonly pattern: string,
  ) {}
}

export class TreeItem {
  constructor(
    readonly label: string,
    readonly collapsibleState: number,
  ) {}
}

export const TreeItemCollapsibleState = { None: 0, Collapsed: 1, Expanded: 2 };

export class ThemeColor {
  constructor(readonly id: string) {}
}

/** What a row of a list of choices is. */
export const QuickPickItemKind = { Separator: -1, Default: 0 } as const;

export class ThemeIcon {
  constructor(
    readonly id: string,
    readonly color?: ThemeColor,
  ) {}
}

export class MarkdownString {
  value = "";

  appendText(text: string): this {
    this.value += text;
    return this;
  }

  appendMarkdown(text: string): this {
    return this.appendText(text);
  }
}

export const ProgressLocation = { Notification: 15 };

/** Messages that were shown, and what tests make happen. */
export const standIn = {
  shown: [] as string[],
  /** The button that the user presses next. */
  answer: undefined as string | undefined,
  fileCreated: new EventEmitter<Uri>(),
  fileChanged: new EventEmitter<Uri>(),
  folders: [] as { readonly uri: Uri; readonly name: string }[],
  foldersChanged: new EventEmitter<void>(),
};

const show = async (message: string) => {
  standIn.shown.push(message);
  return standIn.answer;
};

export const window = {
  showInformationMessage: show,
  showWarningMessage: show,
  showErrorMessage: show,
};

export const workspace = {
  asRelativePath: (path: string) => path,
  get workspaceFolders() {
    return standIn.folders;
  },
  onDidChangeWorkspaceFolders: standIn.foldersChanged.event,
  onDidChangeConfiguration: new EventEmitter<unknown>().event,
  getConfiguration: () => ({ get: (_name: string, otherwise: unknown) => otherwise }),
  createFileSystemWatcher: () => ({
    onDidCreate: standIn.fileCreated.event,
    onDidChange: standIn.fileChanged.event,
    onDidDelete: standIn.fileChanged.event,
    dispose: () => {},
  }),
  fs: {
    stat: async (uri: Uri) => {
      const { size, mtimeMs } = await stat(uri.fsPath);
      return { size, mtime: mtimeMs };
    },
    readFile: (uri: Uri) => readFile(uri.fsPath),
  },
};

/** A memento that forgets with the test. */
export function memento() {
  const kept = new Map<string, unknown>();
  return {
    keys: () => [...kept.keys()],
    get: <T>(key: string, otherwise: T): T => (kept.has(key) ? (kept.get(key) as T) : otherwise),
    update: async (key: string, value: unknown) => void kept.set(key, value),
  };
}
