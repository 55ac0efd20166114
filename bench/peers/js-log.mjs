// SPDX-License-Identifier: MIT
// A log of the same format in pure JavaScript, from bench/js-log/.
import { join } from 'node:path';
import { NotSupported } from '../harness/not-supported.mjs';
import { openJsLog } from '../js-log/index.mjs';

export const about = {
  setting: 'the same format in pure JavaScript: group commit, one write with O_DSYNC each',
  durable: true,
};

/** It has a segment, and so a file, for each stream. */
const KEYS_MAX = 1000;
/** Beyond this it rejects instead of waiting; 256 records or four batches of 64 KiB have to fit. */
const BUFFERED_BYTES_MAX = 64 * 2 ** 20;

export async function open(directory, { keys, syncEvery }) {
  if (syncEvery !== undefined) throw new NotSupported('each group is synced');
  if (keys > KEYS_MAX) throw new NotSupported(`a file per stream: ${KEYS_MAX} at most are tried`);
  const log = await openJsLog(join(directory, 'log'), { bufferedBytesMax: BUFFERED_BYTES_MAX });
  return {
    append: (key, data) => log.append(key, data),
    appendBatch: (key, datas) => log.appendBatch(datas.map((data) => ({ key, data }))),
    ingest: (key, data) => log.ingest(key, data),
    drain: () => log.drain(),
    sync: () => log.sync(),
    close: () => log.close(),
  };
}
