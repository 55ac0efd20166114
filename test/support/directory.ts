// SPDX-License-Identifier: MIT
// Directories for tests: made below the system's temporary directory, removed when the test ends.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Log, type OpenOptions, openLog } from '../../lib/index.js';

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'seglog-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A log in a directory of its own, unless one is given. Closed when the test ends, where the test did not do it. */
export async function openTestLog(options?: OpenOptions, directory: string = temporaryDirectory()): Promise<Log> {
  const log = await openLog(directory, options);
  onTestFinished(() => log.close().catch(() => {}));
  return log;
}

/** What `promise` rejects with; fails the test when it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('Expected a rejection');
}

/** All that an iterable yields. */
export async function collect<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of iterable) all.push(one);
  return all;
}
