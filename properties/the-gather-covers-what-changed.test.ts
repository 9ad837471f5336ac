// I11
import { everyConfiguration } from "./every-configuration.js";

everyConfiguration("I11", "the gathered range covers every changed address and nothing else is invalidated", {
  mix: "gathered",
  *afterwards() {
    yield { op: "sync" };
    // Nothing changed since: nothing is invalidated.
    yield { op: "sync" };
  },
  claim({ subject }) {
    return subject.pendingInvalidation === undefined ? undefined : "something is pending right after a sync";
  },
});
