// I14
import { everyConfiguration } from "./every-configuration.js";

everyConfiguration("I14", "reserved, software, level and size bits are legal at every item", {
  operations: 100,
});
