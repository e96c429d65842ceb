import "../shell/common";
import type { RunHostCalls, RunPageCalls } from "../../src/protocol/runSurface";
import { plotCanvas } from "../charts/plotPart";
import { connect } from "../shell/host";
import { showPage } from "../shell/pageShell";
import { RunApp } from "./runApp";
import { RunModel } from "./runModel";

const host = connect<RunPageCalls, RunHostCalls>({
  changed: (state) => model.receive(state),
  grew: (update) => model.grow(update),
});
const model = new RunModel(host);

void showPage(<RunApp model={model} />);
void model.start();
// This page is its charts: what draws them comes while the logs are read.
void plotCanvas.load();
