// SPDX-License-Identifier: MIT
// What has to be there before anything runs: the built package, the peers, and the limit, which is built here.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The limit's program. */
export const LIMIT_PATH = `${ROOT}build-limit/limit`;

/** What to run first; undefined where everything is there. */
export function missingParts() {
  if (!existsSync(`${ROOT}dist/index.js`)) return 'The package is not built: npm install && npm run build';
  if (!existsSync(`${ROOT}bench/node_modules`)) return 'The peers are not installed: npm --prefix bench install';
  if (!buildLimit()) console.error('The limit is left out: building it takes cmake and a C++20 compiler');
  return undefined;
}

/** Whether the limit can be run. */
export function hasLimit() {
  return existsSync(LIMIT_PATH);
}

function buildLimit() {
  const cmake = (...args) =>
    spawnSync('cmake', args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
  return (
    cmake('-S', 'bench/limit', '-B', 'build-limit', '-DCMAKE_BUILD_TYPE=Release') && cmake('--build', 'build-limit')
  );
}
