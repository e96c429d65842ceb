import type { RunHostCalls, RunPageCalls } from "../../src/protocol/runSurface";
import { connect } from "../shell/host";
import { showPage } from "../shell/pageShell";
import { RunApp } from "./runApp";
import { RunModel } from "./runModel";

const host = connect<RunPageCalls, RunHostCalls>({
  changed: (state) => model.receive(state),
  grew: (update) => model.grow(update),
});
const model = new RunModel(host);

showPage(<RunApp model={model} />);
void model.start();
