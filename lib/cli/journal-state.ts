// SPDX-License-Identifier: MIT
// Whether a log may have changed, without opening it: every commit is a write to a journal file.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A write this long ago has changed the time of its file for sure: that clock goes in steps of some milliseconds. */
const SETTLED_MS = 1000;

/**
 * A text that differs when the log was written to since; undefined while that cannot be told: something was written just
 * now, or files come and go.
 */
export async function journalState(directory: string): Promise<string | undefined> {
  try {
    const names = (await readdir(join(directory, 'journal'))).sort();
    const paths = ['CATALOG', ...names.map((name) => join('journal', name))];
    const files = await Promise.all(paths.map((path) => stat(join(directory, path), { bigint: true })));
    const newestMs = files.reduce((newest, file) => Math.max(newest, Number(file.mtimeMs)), 0);
    if (Date.now() - newestMs < SETTLED_MS) return undefined;
    return paths.map((path, index) => `${path} ${files[index]?.ino} ${files[index]?.mtimeNs}`).join('\n');
  } catch {
    return undefined;
  }
}
