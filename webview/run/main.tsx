import { render } from "preact";
import type { RunHostCalls, RunPageCalls } from "../../src/protocol/runSurface";
import { connect } from "../host";
import { RunApp } from "./runApp";
import { RunModel } from "./runModel";

const host = connect<RunPageCalls, RunHostCalls>({
  changed: (state) => model.receive(state),
  grew: (update) => model.grow(update),
});
const model = new RunModel(host);

render(<RunApp model={model} />, document.getElementById("root") ?? document.body);
void model.start();
