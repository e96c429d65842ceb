import * as vscode from "vscode";
import { plainText } from "./plainText";

/** The one place that puts words before the user in messages and lists: every one of them becomes plain text here. */

/** @returns the button that was chosen. */
export function showInformation<T extends string>(message: string, ...buttons: T[]): Thenable<T | undefined> {
  return vscode.window.showInformationMessage<T>(plainText(message), ...buttons);
}

export function showWarning(message: string): void {
  void vscode.window.showWarningMessage(plainText(message));
}

export function showError(message: string): void {
  void vscode.window.showErrorMessage(plainText(message));
}

/** Asks before something that cannot be undone. */
export async function confirm(question: string, detail: string, button: string): Promise<boolean> {
  const options = { modal: true, ...(detail === "" ? {} : { detail: plainText(detail) }) };
  const answer = await vscode.window.showWarningMessage(plainText(question), options, button);
  return answer === button;
}

/** For some seconds in the status bar. */
export function showStatus(message: string, milliseconds: number): void {
  vscode.window.setStatusBarMessage(plainText(message), milliseconds);
}

/** Work that the user may stop, as a notification. */
export function withProgress<T>(
  title: string,
  work: (report: (step: { increment: number; message?: string }) => void, signal: AbortSignal) => Promise<T>,
): Thenable<T> {
  const location = vscode.ProgressLocation.Notification;
  const options = { location, title: plainText(title), cancellable: true };
  return vscode.window.withProgress(options, (progress, cancellation) => {
    const controller = new AbortController();
    cancellation.onCancellationRequested(() => controller.abort());
    return work(({ increment, message }) => {
      progress.report({ increment, ...(message === undefined ? {} : { message: plainText(message) }) });
    }, controller.signal);
  });
}

type Shown<T> = vscode.QuickPickItem & { readonly own: T };

/** Icons of ours belong in `iconPath`: in a label they would be taken for a stranger's. */
export function plainItem<T extends vscode.QuickPickItem>(own: T): Shown<T> {
  const { label, description, detail, kind, iconPath, alwaysShow } = own;
  return {
    label: plainText(label),
    ...(description === undefined ? {} : { description: plainText(description) }),
    ...(detail === undefined ? {} : { detail: plainText(detail) }),
    ...(kind === undefined ? {} : { kind }),
    ...(iconPath === undefined ? {} : { iconPath }),
    ...(alwaysShow === undefined ? {} : { alwaysShow }),
    own,
  };
}

interface PickWords {
  readonly title: string;
  readonly placeHolder?: string;
  readonly matchOnDescription?: boolean;
  readonly matchOnDetail?: boolean;
}

export async function pickOne<T extends vscode.QuickPickItem>(
  items: readonly T[],
  words: PickWords,
): Promise<T | undefined> {
  const picked = await vscode.window.showQuickPick(items.map(plainItem), plainWords(words));
  return picked?.own;
}

export async function pickMany<T extends vscode.QuickPickItem>(
  items: readonly T[],
  words: PickWords,
): Promise<readonly T[] | undefined> {
  const options = { ...plainWords(words), canPickMany: true } as const;
  const picked = await vscode.window.showQuickPick(items.map(plainItem), options);
  return picked?.map(({ own }) => own);
}

function plainWords({ title, placeHolder, ...others }: PickWords) {
  return {
    ...others,
    title: plainText(title),
    ...(placeHolder === undefined ? {} : { placeHolder: plainText(placeHolder) }),
  };
}

/** A list that is changed while it is shown. */
export function createPick<T extends vscode.QuickPickItem>(): vscode.QuickPick<Shown<T>> {
  return vscode.window.createQuickPick<Shown<T>>();
}
