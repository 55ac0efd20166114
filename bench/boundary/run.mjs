// SPDX-License-Identifier: MIT
// Micro-benchmarks of the boundary between JavaScript and the addon: each choice made there has one, which stays. A
// file in this folder is a suite; each runs in a process of its own, since what one optimises may slow down the next.
//
//   npm run bench:boundary -- [--suite copy-into-arena] [--seconds 0.5]
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { Bench } from 'tinybench';
import { digits } from '../harness/format.mjs';

const { values: given } = parseArgs({
  options: { suite: { type: 'string' }, seconds: { type: 'string', default: '0.5' } },
});
const SUITES = readdirSync(new URL('.', import.meta.url))
  .filter((name) => name.endsWith('.mjs') && name !== 'run.mjs')
  .map((name) => name.replace('.mjs', ''));

/** Tasks work on so many records each time they are called, in each suite. Figures are per record. */
const RECORDS = 256;

async function runSuite(name) {
  const { title, addTasks } = await import(`./${name}.mjs`);
  const bench = new Bench({ time: Number(given.seconds) * 1000, warmupTime: Number(given.seconds) * 200 });
  const done = await addTasks(bench);
  await bench.run();
  await done?.();
  const table = new Table({ head: [title, 'median ns', 'p99 ns', 'samples'], style: { head: [], border: [] } });
  for (const { name: task, result } of bench.tasks) {
    if (result.latency === undefined) throw result.error ?? new Error(`${task}: ${result.state}`);
    const perRecord = (milliseconds) => digits((milliseconds * 1e6) / RECORDS);
    const { p50, p99, samplesCount } = result.latency;
    table.push([task, perRecord(p50), perRecord(p99), samplesCount ?? '']);
  }
  console.log(`${table}`);
}

if (given.suite !== undefined) {
  if (!SUITES.includes(given.suite)) throw new RangeError(`Expected one of ${SUITES.join(', ')} for --suite`);
  await runSuite(given.suite);
} else {
  console.log(`Per record, of ${RECORDS} at a time; Node.js ${process.version}`);
  for (const suite of SUITES) {
    const args = [fileURLToPath(import.meta.url), '--suite', suite, '--seconds', given.seconds];
    const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
    if (status !== 0) process.exitCode = 1;
  }
}
