// SPDX-License-Identifier: MIT
// The suites at length, about an hour and a half: `npm run test:long`. Each runs whatever became of the others; exits
// with 1 when one fails.
import { spawnSync } from 'node:child_process';

const suites = [
  { name: 'crash states', command: 'build-core/crash_main', args: ['--images', '500000', ...crashBounds()] },
  { name: 'planted bugs', command: 'node', args: ['scripts/planted-bugs.mjs'] },
  {
    name: 'killed writers',
    command: 'npx',
    args: ['vitest', 'run', 'test/kill.test.ts'],
    env: { SEGLOG_KILL_ROUNDS: '300' },
  },
  {
    name: 'independent reader',
    command: 'npx',
    args: ['vitest', 'run', 'test/independent-reader.test.ts'],
    env: { SEGLOG_INDEPENDENT_RECORDS: '1000000' },
  },
  { name: 'fuzzers', command: 'node', args: ['scripts/fuzz.mjs', '600'] },
  {
    name: 'lint with the analyzer and over the C++ tests',
    command: 'node',
    args: ['scripts/lint-native.mjs', '--all'],
  },
];

function crashBounds() {
  const seeds = ['--kill-seeds', '100', '--fault-seeds', '100', '--stale-seeds', '500', '--truncating-runs', '200'];
  return [...seeds, '--flip-stride', '1'];
}

function run(command, args, env = {}) {
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  return status === 0;
}

const builds = [
  ['cmake', ['--preset', 'core']],
  ['cmake', ['--build', '--preset', 'core', '--target', 'crash_main']],
  ['npm', ['run', 'pretest']],
];
for (const [command, args] of builds) {
  if (!run(command, args)) process.exit(1);
}
const failed = [];
for (const { name, command, args, env } of suites) {
  const started = performance.now();
  console.log(`=== ${name}`);
  if (!run(command, args, env)) failed.push(name);
  console.log(
    `--- ${name}: ${failed.includes(name) ? 'failed' : 'passed'}, ${Math.round((performance.now() - started) / 1000)} s`,
  );
}
console.log(failed.length === 0 ? 'all passed' : `failed: ${failed.join(', ')}`);
if (failed.length > 0) process.exit(1);
