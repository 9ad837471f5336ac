// I1
import { everyConfiguration } from "./every-configuration.js";

everyConfiguration("I1", "a hardware walk of memory equals the reference");
