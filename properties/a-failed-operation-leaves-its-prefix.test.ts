// I4
import { everyConfiguration } from "./every-configuration.js";

everyConfiguration("I4", "a failed operation changed nothing, or exactly the prefix that it reports", {
  mix: "failing",
  operations: 100,
});
