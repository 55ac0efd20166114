// SPDX-License-Identifier: MIT
// seglog itself, as the built package. Variants: 'sync' appends with appendSync, 'nopoll' never polls for completions.
import { join } from 'node:path';
import { openLog } from '../../dist/index.js';
import { NotSupported } from '../harness/not-supported.mjs';

export const about = {
  setting: "durability: 'sync', the default",
  settings: { sync: 'appendSync', nopoll: 'commit: { pollUsMax: 0 }' },
  durable: true,
  threads: true,
};

export async function open(directory, { variant, syncEvery }) {
  const log = await openOrRefuse(join(directory, 'log'), {
    ...(variant === 'nopoll' && { commit: { pollUsMax: 0 } }),
    // The periodic sync is of appends that do not wait for one.
    ...(syncEvery !== undefined && { durability: 'none', syncEvery }),
  });
  if (variant === 'sync' && log.appendSync === undefined) {
    await log.close();
    throw new NotSupported('has no appendSync yet');
  }
  return {
    append: variant === 'sync' ? (key, data) => log.appendSync(key, data) : (key, data) => log.append(key, data),
    appendBatch: (key, datas) => log.stream(key).appendBatch(datas),
    ingest: (key, data) => log.ingest(key, data),
    drain: () => log.drain(),
    sync: () => log.sync(),
    close: () => log.close(),
  };
}

// An option that this build does not know is a TypeError; another thread's log is LOCKED where it is not shared.
async function openOrRefuse(directory, options) {
  try {
    return await openLog(directory, options);
  } catch (error) {
    if (error instanceof TypeError) throw new NotSupported(error.message);
    if (error.code === 'LOCKED') throw new NotSupported('a second thread gets LOCKED');
    throw error;
  }
}
