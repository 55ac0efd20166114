// SPDX-License-Identifier: MIT
// The terminations of test/terminations.test.ts on an addon built with the address sanitizer: nothing of a thread that has
// ended is touched any more. Arguments: rounds (200), seed. Node itself is not instrumented, so that the sanitizer's
// library is loaded before it, and leaks are not looked for. `npm run test:workers:asan`.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [rounds = '200', seed = String(Math.floor(Math.random() * 2 ** 31))] = process.argv.slice(2);
const root = fileURLToPath(new URL('..', import.meta.url));
const build = 'build-workers-asan';
const arrange = { cwd: root, stdio: 'inherit' };

const settings = ['--CDSEGLOG_SANITIZE=address', '--CDSEGLOG_UNITY=ON', '--CDCMAKE_CXX_FLAGS_RELEASE=-O1 -g1'];
execFileSync('npx', ['cmake-js', 'compile', '--out', `${build}/build`, ...settings], arrange);
const library = execFileSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
const directory = mkdtempSync(join(tmpdir(), 'seglog-terminations-'));
// The option: see THREADS_MAY_BE_TERMINATED in test/support/child.ts.
const { status } = spawnSync(
  process.execPath,
  ['--no-concurrent-recompilation', join(root, 'test/support/terminations.mjs'), join(directory, 'log'), rounds, seed],
  {
    stdio: ['inherit', 'inherit', 'inherit', 1],
    env: {
      ...process.env,
      // Where node-gyp-build then looks for the addon.
      SEGLOG_PREBUILD: resolve(root, build),
      LD_PRELOAD: library,
      ASAN_OPTIONS: 'detect_leaks=0',
    },
  },
);
rmSync(directory, { recursive: true, force: true });
console.log(
  `\nterminations under the address sanitizer: ${rounds}, seed ${seed}: ${status === 0 ? 'passed' : 'failed'}`,
);
process.exit(status === 0 ? 0 : 1);
