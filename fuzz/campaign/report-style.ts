/** How a report looks: the reader's own choice of light or dark, and no colour that says something alone. */
export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1d2530; --quiet: #5b6675; --line: #d7dde5; --panel: #f5f7fa;
  --blue: #1f5fbf; --green: #1a7f4b; --red: #b3261e; --box: #dbe8fb; --hole: transparent; --heat: 31, 95, 191;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161c; --ink: #e6ebf2; --quiet: #9aa7b8; --line: #313a46; --panel: #1a2029;
    --blue: #7fb0ff; --green: #62cf97; --red: #ff8a80; --box: #22395e; --heat: 95, 150, 240;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 76rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
h1 { font-size: 1.6rem; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1.05rem; margin: 0 0 .25rem; font-family: ui-monospace, Consolas, monospace; }
a { color: var(--blue); }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .875rem; }
code { overflow-wrap: anywhere; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; overflow-x: auto; }
:focus-visible { outline: 3px solid var(--blue); outline-offset: 2px; }
.quiet { color: var(--quiet); font-size: .85rem; margin-bottom: 0; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 0; }
.facts div { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .75rem; }
.facts dt { color: var(--quiet); font-size: .8rem; }
.facts dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.verdict { border-left: .35rem solid; border-radius: .25rem; padding: .6rem 1rem; background: var(--panel); }
.verdict.clean { border-color: var(--green); }
.verdict.failing { border-color: var(--red); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem; }
.plots figure { margin: 0; border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; min-width: 0; }
.plots figcaption { font-weight: 600; margin-bottom: .25rem; }
.u-legend { color: var(--quiet); font-size: .8rem; }
details { margin: .75rem 0; }
summary { cursor: pointer; color: var(--blue); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.figures th, .figures td { padding: .15rem .75rem; border-bottom: 1px solid var(--line); text-align: right; }
select { font: inherit; padding: .25rem .5rem; color: inherit; background: var(--panel); border: 1px solid var(--line); border-radius: .35rem; }
#matrix { font-size: .8rem; }
#matrix th { font-weight: 600; padding: .25rem .4rem; text-align: right; white-space: nowrap; }
#matrix thead th { border-bottom: 1px solid var(--line); }
#matrix tbody th { position: sticky; left: 0; background: var(--paper); text-align: left; }
#matrix td { padding: .25rem .4rem; min-width: 2.9rem; text-align: right; border: 1px solid var(--line); }
#matrix td.none { color: var(--quiet); text-align: center; }
#matrix td.broken { outline: 2px solid var(--red); outline-offset: -2px; }
article { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 1rem 0; }
.invariant { background: var(--red); color: var(--paper); border-radius: .25rem; padding: .1rem .4rem; }
.picture { margin: 1rem 0; }
.picture figcaption { margin-bottom: .5rem; }
.picture table { width: 100%; border-collapse: separate; border-spacing: 2px; font-size: .8rem; }
.picture thead th { font-family: ui-monospace, Consolas, monospace; font-weight: 400; text-align: left; vertical-align: bottom; padding: .15rem .35rem; white-space: nowrap; border-left: 1px dashed var(--line); }
.picture thead small { display: block; color: var(--quiet); }
.picture th.here { color: var(--red); border-left-color: var(--red); }
.picture th.when { text-align: left; padding-top: .5rem; text-transform: capitalize; }
.picture tbody th[scope="row"] { text-align: left; font-weight: 400; color: var(--quiet); padding-right: .75rem; }
.picture tbody td { padding: .45rem .5rem; border: 1px solid var(--line); border-radius: .3rem; font-family: ui-monospace, Consolas, monospace; }
.picture td.mapped { background: var(--box); border-color: var(--blue); }
.picture td.hole { color: var(--quiet); border-style: dashed; }
.picture td.illegal { border: 2px dotted var(--red); }
.picture td.differs { box-shadow: inset 0 0 0 2px var(--red); }
.mark { display: block; color: var(--red); font-size: .72rem; }
@media print { .scroll { overflow: visible; } }
`;
