// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERROR_CODES, toError } from '../lib/errors.js';
import { openLog } from '../lib/index.js';
import { openTestLog, rejection, temporaryDirectory } from './support/directory.js';

test("the codes of SeglogError are those of the core's error_codes.def, in its order", () => {
  const definitions = readFileSync(new URL('../native/core/base/error_codes.def', import.meta.url), 'utf8');
  const codes = [...definitions.matchAll(/^SEGLOG_ERROR\(k\w+, "(\w+)"/gm)].map((match) => match[1]);
  expect(codes.length).toBeGreaterThan(0);
  expect([...ERROR_CODES]).toEqual(codes);
});

test('a failure without a system call has no errno, syscall and path', () => {
  const error = toError({ code: 'FAILED', message: 'text', errno: 0, syscall: '', path: '', detail: '' });
  expect(error).toMatchObject({ name: 'SeglogError', code: 'FAILED', message: 'text' });
  for (const field of ['errno', 'syscall', 'path', 'holder', 'report']) expect(error).not.toHaveProperty(field);
});

test("an error's stack names the function that called", async () => {
  const directory = temporaryDirectory();
  const log = await openTestLog({}, directory);
  async function opensTwice() {
    await openLog(directory);
  }
  expect(await rejection(opensTwice())).toMatchObject({ stack: expect.stringContaining('opensTwice') });
  await log.close();
  async function appendsLate() {
    await log.append('key', 'data');
  }
  expect(await rejection(appendsLate())).toMatchObject({ stack: expect.stringContaining('appendsLate') });
  async function syncsLate() {
    await log.sync();
  }
  expect(await rejection(syncsLate())).toMatchObject({ stack: expect.stringContaining('syncsLate') });
});

test('an answer that fails later names the function that waits for it', async () => {
  const directory = temporaryDirectory();
  await (await openLog(directory)).close();
  const log = await openTestLog({ readOnly: true }, directory);
  async function sealsReadOnly() {
    await log.seal('key');
  }
  const error = await rejection(sealsReadOnly());
  expect(error).toMatchObject({ code: 'READ_ONLY', stack: expect.stringContaining('sealsReadOnly') });
});
