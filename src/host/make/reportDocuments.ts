import * as vscode from "vscode";

const scheme = "checkpoint-report";

/** Reports as read-only documents: nobody is asked to save them, and who wants to keep one can. */
export class ReportDocuments implements vscode.TextDocumentContentProvider {
  private readonly texts = new Map<string, string>();

  register(): vscode.Disposable {
    return vscode.workspace.registerTextDocumentContentProvider(scheme, this);
  }

  /** After a window reload the text is gone: the document then says so. */
  provideTextDocumentContent(uri: vscode.Uri): string {
    return (
      this.texts.get(uri.path) ??
      "This report is no longer kept. What was made says the same in its checkpoint-stage.json.\n"
    );
  }

  async show(name: string, text: string): Promise<void> {
    const path = `/${this.texts.size + 1}/${name}.md`;
    this.texts.set(path, text);
    const document = await vscode.workspace.openTextDocument(vscode.Uri.from({ scheme, path }));
    await vscode.window.showTextDocument(document, { preview: true });
  }
}
