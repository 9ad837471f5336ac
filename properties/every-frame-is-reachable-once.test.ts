// I5
import { everyConfiguration } from "./every-configuration.js";

everyConfiguration(
  "I5",
  "every table frame is reachable once or quarantined once, and all are free at the end",
  {
    mix: "gathered",
    claim({ subject, reference }) {
      const wanted = reference.liveTableCount + reference.quarantinedTableCount;
      const given = subject.liveFrames + subject.quarantinedFrames;
      return given === wanted ? undefined : `${given} frames are taken; ${wanted} tables are alive or wait`;
    },
  },
);
