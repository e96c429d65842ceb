import { effect } from "@preact/signals";
import { render } from "preact";
import type { CompareHostCalls, ComparePageCalls } from "../../src/protocol/compareSurface";
import { connect, loadState, saveState } from "../host";
import { CompareApp } from "./compareApp";
import { CompareModel } from "./compareModel";
import { type ComparePlace, placeFrom } from "./comparePlace";
import { TimelineModel } from "./timelineModel";

const host = connect<ComparePageCalls, CompareHostCalls>({
  changed: (state) => model.receive(state),
  progress: (progress) => {
    model.progress.value = progress;
  },
  diffChanged: (state) => model.diff.receive(state),
  timelineProgress: (progress) => {
    timeline.progress.value = progress;
  },
  // Nor of base weights.
  baseProgress: () => {},
});
const model = new CompareModel(host, placeFrom(loadState<ComparePlace>("compare")));
const timeline = new TimelineModel(host);

const save = () => saveState<ComparePlace>("compare", { ...model.place.value, scroll: model.scroll });
// Runs whenever the place changes.
effect(save);
model.onScroll = save;

render(<CompareApp model={model} timeline={timeline} />, document.getElementById("root") ?? document.body);
void model.start();
void timeline.start();
