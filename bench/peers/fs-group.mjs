// SPDX-License-Identifier: MIT
// What one writes by hand: one growing file, group commit, one fdatasync per group; with several keys, the key is in the
// record. It is the file of `seglog bench` (lib/cli/file-log.ts).
import { join } from 'node:path';
import { FileLog } from '../../dist/cli/file-log.js';

export const about = {
  setting: 'group commit by hand: one write and one fdatasync per group, no checksums',
  durable: true,
};

// Variant 'unsynced' never syncs: the check with strace has to refuse it.
export async function open(directory, { variant, keys, syncEvery }) {
  const every = variant === 'unsynced' ? {} : syncEvery;
  return FileLog.create(join(directory, 'log'), { hasKeys: keys > 1, syncEvery: every });
}
