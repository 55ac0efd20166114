// SPDX-License-Identifier: MIT
// Worker threads are terminated at random while they append to a log that others have open: nothing acknowledged is
// missing, batches are whole, the others go on. SEGLOG_TERMINATIONS sets the number (200), SEGLOG_SEED repeats the choices.
// `npm run test:workers:asan` runs the same on an addon with the address sanitizer.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startChild, supportPath, THREADS_MAY_BE_TERMINATED } from './support/child.js';
import { temporaryDirectory } from './support/directory.js';

const ROUNDS = Number(process.env.SEGLOG_TERMINATIONS ?? 200);
const SEED = Number(process.env.SEGLOG_SEED ?? Math.floor(Math.random() * 2 ** 31));

test(`${ROUNDS} terminated workers lose nothing that was acknowledged and disturb nobody (seed ${SEED})`, {
  timeout: 60_000 + ROUNDS * 2_000,
}, async () => {
  const directory = join(temporaryDirectory(), 'log');
  const script = [
    ...THREADS_MAY_BE_TERMINATED,
    supportPath('terminations.mjs'),
    directory,
    String(ROUNDS),
    String(SEED),
  ];
  const exit = await startChild(process.execPath, script).exit;
  expect(exit).toMatchObject({ code: 0, stderr: '' });
  const done = JSON.parse(exit.reports);
  expect(done).toMatchObject({ terminations: ROUNDS, own: ROUNDS });
  // Otherwise they were terminated before anything was under way.
  expect(done.records).toBeGreaterThan(ROUNDS);
  expect(done.batches).toBeGreaterThan(0);
});
