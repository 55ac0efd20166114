// SPDX-License-Identifier: MIT
// Checks native/ with clang-format and clang-tidy; --write reformats instead. clang-tidy runs as part of a build by clang
// in build-lint, so that only what changed is looked at again. --all looks at the C++ tests too and lets the static
// analyzer run, each of which takes longer than all the rest.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
// The version whose output the sources follow; formatters of other versions differ in details.
const clangVersion = 14;
const buildDirectory = 'build-lint';

function findTool(name) {
  const candidates = [`${name}-${clangVersion}`, name];
  const found = candidates.find((candidate) => spawnSync(candidate, ['--version']).status === 0);
  if (found === undefined) {
    console.error(`Expected ${candidates.join(' or ')} to be installed`);
    process.exit(1);
  }
  return found;
}

function run(command, args) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

const sources = readdirSync('native', { recursive: true })
  .filter((name) => /\.(cc|h)$/.test(name))
  .map((name) => path.join('native', name))
  .sort();

if (process.argv.includes('--write')) {
  run(findTool('clang-format'), ['-i', ...sources]);
} else {
  run(findTool('clang-format'), ['--dry-run', '-Werror', ...sources]);

  const includes = [require('node-api-headers').include_dir, require('node-addon-api').include_dir];
  const all = process.argv.includes('--all');
  const tidy = [findTool('clang-tidy'), '--quiet', ...(all ? [] : ['--checks=-clang-analyzer-*'])];
  const settings = [
    'CMAKE_BUILD_TYPE=',
    `CMAKE_CXX_COMPILER=${findTool('clang++')}`,
    `CMAKE_CXX_CLANG_TIDY=${tidy.join(';')}`,
    `CMAKE_JS_INC=${includes.map((include) => path.resolve(include)).join(';')}`,
    `SEGLOG_TESTS=${all ? 'ON' : 'OFF'}`,
  ];
  run('cmake', ['-S', '.', '-B', buildDirectory, '-G', 'Ninja', ...settings.map((setting) => `-D${setting}`)]);
  // Past the first failure, so that one run reports everything.
  run('cmake', ['--build', buildDirectory, '--', '-k', '0']);
}
