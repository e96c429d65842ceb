import "../shell/common";
import type { MakeHostCalls, MakePageCalls } from "../../src/protocol/makeSurface";
import { connect } from "../shell/host";
import { showPage } from "../shell/pageShell";
import { MakeApp } from "./makeApp";
import { MakeModel } from "./makeModel";

const host = connect<MakePageCalls, MakeHostCalls>({
  changed: (state) => model.receive(state),
  progress: (progress) => {
    model.progress.value = progress;
  },
});
const model = new MakeModel(host);

void showPage(<MakeApp model={model} />);
void model.start();
