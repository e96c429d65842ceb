import { effect } from "@preact/signals";
import { render } from "preact";
import type { CompareHostCalls, ComparePageCalls } from "../../src/protocol/compareSurface";
import { connect, loadState, saveState } from "../host";
import { CompareApp } from "./compareApp";
import { CompareModel } from "./compareModel";
import { type ComparePlace, placeFrom } from "./comparePlace";

const host = connect<ComparePageCalls, CompareHostCalls>({
  changed: (state) => model.receive(state),
  progress: (progress) => {
    model.progress.value = progress;
  },
  // Nothing is drawn of a timeline yet.
  timelineProgress: () => {},
  // Nor of base weights.
  baseProgress: () => {},
});
const model = new CompareModel(host, placeFrom(loadState<ComparePlace>("compare")));

const save = () => saveState<ComparePlace>("compare", { ...model.place.value, scroll: model.scroll });
// Runs whenever the place changes.
effect(save);
model.onScroll = save;

render(<CompareApp model={model} />, document.getElementById("root") ?? document.body);
void model.start();
