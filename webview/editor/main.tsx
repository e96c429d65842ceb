import { effect } from "@preact/signals";
import { render } from "preact";
import type { EditorHostCalls, EditorPageCalls } from "../../src/protocol/editorSurface";
import { connect, loadState, saveState } from "../host";
import { EditorApp } from "./editorApp";
import { EditorModel } from "./editorModel";
import { type EditorViewState, viewStateFrom } from "./viewState";

const host = connect<EditorPageCalls, EditorHostCalls>({
  changed: (state) => model.receive(state),
  showTab: ({ tab, reduce }) => {
    model.showTab(tab);
    if (reduce === true) model.lora.reduce.setOpen(true);
  },
  scanChanged: (state) => model.scan.receive(state),
});
const model = new EditorModel(host, viewStateFrom(loadState<EditorViewState>("editor")));

const save = () => saveState<EditorViewState>("editor", model.viewState());
// Runs whenever one of the signals that `place` reads has changed.
effect(save);
model.onScroll = save;
model.tensors.values.onScroll = save;

render(<EditorApp model={model} />, document.getElementById("root") ?? document.body);
void model.start();
