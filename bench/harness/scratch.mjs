// SPDX-License-Identifier: MIT
// The directory that runs write into: one fresh subdirectory for each, all of it removed in the end, also after ^C.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

// For the disk to be done with what a removed directory leaves behind.
const SETTLE_MS = 200;
const REMOVE_ATTEMPTS_MAX = 100;

/** Calls `use` with a scratch directory below `parent`; resolves with its result. */
export async function withScratch(parent, use) {
  const directory = mkdtempSync(join(parent, 'seglog-bench-'));
  const remove = () => removeAll(directory);
  process.on('exit', remove);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  let count = 0;
  const scratch = {
    directory,
    /** Calls `run` with an empty directory, which is gone afterwards. */
    async withDirectory(run) {
      const fresh = join(directory, String(count++));
      mkdirSync(fresh);
      try {
        return await run(fresh);
      } finally {
        rmSync(fresh, { recursive: true, force: true });
        await setTimeout(SETTLE_MS);
      }
    },
  };
  try {
    return await use(scratch);
  } finally {
    remove();
    process.off('exit', remove);
  }
}

// A child that is being ended may still make files.
function removeAll(directory) {
  for (let attempt = 1; ; attempt++) {
    try {
      rmSync(directory, { recursive: true, force: true });
      return;
    } catch (error) {
      if (attempt === REMOVE_ATTEMPTS_MAX) throw error;
    }
  }
}
