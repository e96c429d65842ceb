import { effect } from "@preact/signals";
import { render } from "preact";
import type { CompareHostCalls, ComparePageCalls } from "../../src/protocol/compareSurface";
import { connect, loadState, saveState } from "../host";
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

render(<CompareApp model={model} timeline={timeline} />, document.getElementById("root") ?? document.body);
void model.start();
void timeline.start();
