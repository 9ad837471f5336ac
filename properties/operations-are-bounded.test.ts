// I17
import { everyConfiguration } from "./every-configuration.js";

everyConfiguration("I17", "every operation ends within a bound that its arguments give", { mix: "refused" });
