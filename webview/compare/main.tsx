import "./common";
import type { CompareHostCalls, ComparePageCalls } from "../../src/protocol/compareSurface";
import { connect } from "../shell/host";
import { showPage } from "../shell/pageShell";
import { persistedView } from "../shell/persisted";
import { CompareApp } from "./compareApp";
import { CompareModel } from "./compareModel";
import { viewStateFrom } from "./compareViewState";
import { TimelineModel } from "./timeline/timelineModel";

const host = connect<ComparePageCalls, CompareHostCalls>({
  changed: (state) => model.receive(state),
  progress: (progress) => {
    model.progress.value = progress;
  },
  diffChanged: (state) => model.diff.receive(state),
});
const view = persistedView("compare", viewStateFrom);
const model = new CompareModel(host, view.start);
const timeline = new TimelineModel(host);

model.onScroll = view.keep(() => ({ ...model.viewState.value, scroll: model.scroll }));

void showPage(<CompareApp model={model} timeline={timeline} />);
void model.start();
void timeline.start();
void host.call("startPage", null).then((page) => {
  if (page !== undefined && view.saved.page === undefined) model.change({ page });
});
