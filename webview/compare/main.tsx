import { effect } from "@preact/signals";
import type { CompareHostCalls, ComparePageCalls } from "../../src/protocol/compareSurface";
import { connect, loadState, saveState } from "../shell/host";
import { showPage } from "../shell/pageShell";
import { CompareApp } from "./compareApp";
import { CompareModel } from "./compareModel";
import { type CompareViewState, viewStateFrom } from "./compareViewState";
import { TimelineModel } from "./timeline/timelineModel";

const host = connect<ComparePageCalls, CompareHostCalls>({
  changed: (state) => model.receive(state),
  progress: (progress) => {
    model.progress.value = progress;
  },
  diffChanged: (state) => model.diff.receive(state),
});
const model = new CompareModel(host, viewStateFrom(loadState<CompareViewState>("compare")));
const timeline = new TimelineModel(host);

const save = () => saveState<CompareViewState>("compare", { ...model.viewState.value, scroll: model.scroll });
// Runs whenever the place changes.
effect(save);
model.onScroll = save;

showPage(<CompareApp model={model} timeline={timeline} />);
void model.start();
void timeline.start();
void host.call("startPage", null).then((page) => {
  if (page !== undefined && loadState<CompareViewState>("compare").page === undefined) model.change({ page });
});
