// SPDX-License-Identifier: MIT
// The benchmark: seglog, its peers and the limit of the disk, side by side. Each run is a process of its own; in each
// repetition each workload is run by each contender, in a random order. bench/README.md says how to read it.
//
//   npm run bench -- [--workload W2,W7|scaling|paced|all] [--payload 128,1024] [--contender seglog,lmdb] [--repeat 5]
//     [--seconds 2] [--dir WHERE] [--seed N] [--json FILE] [--timeline] [--unchecked] [--report [--from FILE,FILE]]
import { readFileSync, writeFileSync } from 'node:fs';
import { readArguments } from './harness/arguments.mjs';
import { checkContenders } from './harness/durability.mjs';
import { describeMachine } from './harness/machine.mjs';
import { makePlan } from './harness/plan.mjs';
import { missingParts } from './harness/prepare.mjs';
import { runPlan } from './harness/runner.mjs';
import { withScratch } from './harness/scratch.mjs';
import { summarize } from './harness/summary.mjs';
import { printTables } from './harness/tables.mjs';

const options = readArguments(process.argv.slice(2));

async function measure() {
  const missing = missingParts();
  if (missing !== undefined) {
    console.error(missing);
    process.exit(1);
  }
  return withScratch(options.dir, async (scratch) => {
    const machine = describeMachine(scratch.directory);
    const checks = options.unchecked ? {} : await checkContenders(options.contenders, scratch);
    const contenders = options.contenders.filter(({ name }) => checks[name]?.isDurable !== false);
    const plan = makePlan(options, contenders);
    const runs = (await runPlan(plan, options, scratch)).map((run) => ({ ...run, overTime: options.timeline }));
    const { command, repeat, seconds, seed } = options;
    return { machine, calls: [{ command, repeat, seconds, seed }], checks, runs };
  });
}

// Of several calls of the same build on the same machine.
function joined(files) {
  const all = files.split(',').map((file) => JSON.parse(readFileSync(file, 'utf8')));
  return {
    machine: all[0].machine,
    calls: all.flatMap(({ calls }) => calls),
    checks: Object.assign({}, ...all.map(({ checks }) => checks)),
    runs: all.flatMap(({ runs }) => runs),
  };
}

const results = options.from === undefined ? await measure() : joined(options.from);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results)}\n`);
const summary = summarize(results.runs);
printTables(summary);
if (options.report) {
  const { writeReport } = await import('./report/report.mjs');
  await writeReport(results, summary);
}
