/** Every program of a few operations of the alphabet, in every state of the tiny tables: I1 to I8, I11, I14, I18. */
import { testExhaustively } from "./exhaustive.js";

testExhaustively("riscv32-guest", 3);
