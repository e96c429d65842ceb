import { effect } from "@preact/signals";
import type { EditorHostCalls, EditorPageCalls } from "../../src/protocol/editorSurface";
import { connect, loadState, saveState } from "../shell/host";
import { showPage } from "../shell/pageShell";
import { EditorApp } from "./editorApp";
import { EditorModel } from "./editorModel";
import { editorTabs } from "./editorTabs";
import { type EditorViewState, viewStateFrom } from "./viewState";

const host = connect<EditorPageCalls, EditorHostCalls>({
  changed: (state) => model.receive(state),
  showTab: ({ tab, reduce }) => {
    model.showTab(tab);
    if (reduce === true) model.lora.reduce.setOpen(true);
  },
  scanChanged: (state) => model.scan.receive(state),
});
const model = new EditorModel(host, viewStateFrom(loadState<EditorViewState>("editor")), editorTabs);

const save = () => saveState<EditorViewState>("editor", model.viewState());
// Runs whenever one of the signals that it reads has changed.
effect(save);
model.onScroll = save;
model.tensors.values.onScroll = save;

showPage(<EditorApp model={model} />);
void model.start();
// The tab where the user was comes while the file is read.
void editorTabs.find(({ id }) => id === model.wantedTab.value)?.part.load();
