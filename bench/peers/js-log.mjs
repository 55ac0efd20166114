// SPDX-License-Identifier: MIT
// A log of the same format in pure JavaScript, from bench/js-log/. It is expected to export
// `openJsLog(directory): Promise<{ append(key, data), appendBatch([{ key, data }]), ingest(key, data): boolean, drain(),
// sync(), close() }>`, each method with the meaning that it has in seglog; while it is not there, this says so.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NotSupported } from '../harness/not-supported.mjs';

export const about = {
  setting: 'the same format in pure JavaScript, over fs, group commit with fdatasync',
  durable: true,
};

const MODULE = new URL('../js-log/index.mjs', import.meta.url);

export async function open(directory, { syncEvery }) {
  if (!existsSync(MODULE)) throw new NotSupported('bench/js-log is not there yet');
  if (syncEvery !== undefined) throw new NotSupported('each group is synced');
  const { openJsLog } = await import(MODULE);
  const log = await openJsLog(join(directory, 'log'));
  return {
    append: (key, data) => log.append(key, data),
    appendBatch: (key, datas) => log.appendBatch(datas.map((data) => ({ key, data }))),
    ingest: log.ingest && ((key, data) => log.ingest(key, data)),
    drain: () => log.drain(),
    sync: () => log.sync(),
    close: () => log.close(),
  };
}
