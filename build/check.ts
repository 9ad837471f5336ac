/** The part of `npm run check` that is the project's own: the house rules, over every file that git knows. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { breaches, type SourceFile } from "./house-rules.js";

const found = breaches(projectFiles());
for (const { path, line, message } of found) process.stderr.write(`${path}:${line}: ${message}\n`);
if (found.length > 0) process.exitCode = 1;

function projectFiles(): readonly SourceFile[] {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    cwd: root,
    encoding: "utf8",
  });
  const paths = listed.split("\0").filter((path) => /\.(ts|c|md|json|yml|svg)$|^\.ci\/run$/.test(path));
  return paths.map((path) => ({ path, text: readFileSync(`${root}/${path}`, "utf8") }));
}
