// SPDX-License-Identifier: MIT
// Builds the libFuzzer targets with clang and runs each: `npm run test:fuzz -- [seconds for each]
// [target name …]`. Inputs found are kept in build-fuzz/corpus; a crash leaves its input beside them.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';

const secondsDefault = 60;
const buildDirectory = 'build-fuzz';
const compilers = [process.env.CXX, 'clang++', 'clang++-14'].filter((name) => name?.includes('clang'));

function run(command, args) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

const [secondsText, ...chosen] = process.argv.slice(2);
const seconds = Number(secondsText ?? secondsDefault);
if (!Number.isSafeInteger(seconds) || seconds < 1) {
  console.error(`Expected a whole number of seconds but received ${secondsText}`);
  process.exit(2);
}

const targets = readdirSync('native/test')
  .filter((name) => /^fuzz_.*\.cc$/.test(name))
  .map((name) => path.parse(name).name)
  .filter((name) => chosen.length === 0 || chosen.includes(name))
  .sort();
if (targets.length === 0) {
  console.error('Expected at least one target in native/test/fuzz_*.cc');
  process.exit(1);
}

const compiler = compilers.find((name) => spawnSync(name, ['--version']).status === 0);
if (compiler === undefined) {
  console.error(`Expected ${compilers.join(' or ')} to be installed`);
  process.exit(1);
}
const settings = [
  'CMAKE_BUILD_TYPE=RelWithDebInfo',
  `CMAKE_CXX_COMPILER=${compiler}`,
  'CMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1',
  'SEGLOG_UNITY=ON',
  'SEGLOG_FUZZ=ON',
  'SEGLOG_TESTS=OFF',
  'SEGLOG_SANITIZE=address+undefined',
];
run('cmake', ['-S', '.', '-B', buildDirectory, '-G', 'Ninja', ...settings.map((setting) => `-D${setting}`)]);
run('cmake', ['--build', buildDirectory]);

// Each target is one process: as many at a time as there are processors.
async function fuzz(target) {
  const corpus = path.join(buildDirectory, 'corpus', target);
  mkdirSync(corpus, { recursive: true });
  const seeds = path.join('native/test/corpus', target);
  const inputs = existsSync(seeds) ? [corpus, seeds] : [corpus];
  console.log(`${target}: ${seconds} s`);
  const options = [
    `-max_total_time=${seconds}`,
    '-print_final_stats=1',
    `-artifact_prefix=${buildDirectory}/corpus/${target}-`,
  ];
  const child = spawn(path.join(buildDirectory, target), [...options, ...inputs], { stdio: 'inherit' });
  const [status] = await once(child, 'exit');
  if (status !== 0) process.exit(status ?? 1);
}

const waiting = [...targets];
async function fuzzOneAfterTheOther() {
  for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) await fuzz(target);
}
await Promise.all(Array.from({ length: availableParallelism() }, fuzzOneAfterTheOther));
