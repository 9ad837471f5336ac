#!/usr/bin/env node
import { runGenpt } from "./program.js";

process.exitCode = await runGenpt(process.argv.slice(2));
