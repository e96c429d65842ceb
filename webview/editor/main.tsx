import "../shell/common";
import type { EditorHostCalls, EditorPageCalls } from "../../src/protocol/editorSurface";
import { connect } from "../shell/host";
import { showPage } from "../shell/pageShell";
import { persistedView } from "../shell/persisted";
import { EditorApp } from "./editorApp";
import { EditorModel } from "./editorModel";
import { editorTabs } from "./editorTabs";
import { viewStateFrom } from "./viewState";

const host = connect<EditorPageCalls, EditorHostCalls>({
  changed: (state) => model.receive(state),
  showTab: ({ tab, reduce }) => {
    model.showTab(tab);
    if (reduce === true) model.lora.reduce.setOpen(true);
  },
  scanChanged: (state) => model.scan.receive(state),
});
const view = persistedView("editor", viewStateFrom);
const model = new EditorModel(host, view.start, editorTabs);

const save = view.keep(() => model.viewState());
model.onScroll = save;
model.tensors.values.onScroll = save;

void showPage(<EditorApp model={model} />, model.start());
// The tab where the user was comes while the file is read.
void editorTabs.find(({ id }) => id === model.wantedTab.value)?.part.load();
