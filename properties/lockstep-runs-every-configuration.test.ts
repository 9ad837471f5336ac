/** No configuration may be left out of the runs because the implementation does not take it: all of them are taken. */
import test from "ava";
import { canCreate } from "../fuzz/lockstep/index.js";
import { configurationName, configurations, configurationsOf, formatNames } from "../models/index.js";

test("the implementation takes every configuration", (t) => {
  const refused = configurations.filter((configuration) => !canCreate(configuration));
  t.deepEqual(refused.map(configurationName), []);
});

test("every format has configurations, and tiny ones where its items have room for small tables", (t) => {
  for (const format of formatNames) {
    const own = configurationsOf(format);
    t.true(own.length > 1, format);
    // Sections and large pages of the short descriptor have attributes where a smaller page had its address.
    t.is(
      own.some(({ tiny }) => tiny !== undefined),
      format !== "arm-short",
      format,
    );
  }
});
