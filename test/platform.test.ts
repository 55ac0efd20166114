// SPDX-License-Identifier: MIT
// What a program is told where the addon does not run.

import { expect, test } from 'vitest';
import { runModule } from './support/child.js';
import { temporaryDirectory } from './support/directory.js';

const openAndPrint = `
  const error = await openLog(process.argv[1]).catch((reason) => reason);
  console.log(error.name, error.code, error.message);
  if (error.cause !== undefined) console.log('cause:', error.cause.message);
`;

test('on Windows the package can be imported, and openLog rejects with UNSUPPORTED', async () => {
  const source = `Object.defineProperty(process, 'platform', { value: 'win32' });${openAndPrint}`;
  const exit = await runModule(source, [temporaryDirectory()]);
  expect(exit).toMatchObject({ code: 0, stderr: '' });
  expect(exit.stdout).toMatch(/^SeglogError UNSUPPORTED seglog does not run on Windows/);
});

test('without a binary that loads, openLog rejects with UNSUPPORTED, says what to do, and keeps the cause', async () => {
  const directory = temporaryDirectory();
  // Where node-gyp-build then looks for the addon.
  const source = `process.env.SEGLOG_PREBUILD = ${JSON.stringify(directory)};${openAndPrint}`;
  const exit = await runModule(source, [directory]);
  expect(exit).toMatchObject({ code: 0, stderr: '' });
  expect(exit.stdout).toMatch(/^SeglogError UNSUPPORTED .*"npm rebuild seglog".*No native build was found/);
  expect(exit.stdout).toMatch(/^cause: No native build was found/m);
});
