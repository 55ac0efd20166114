// SPDX-License-Identifier: MIT
// lmdb: it gathers the puts of a tick into one transaction on a thread of its own. Without overlappingSync the promise of
// a put resolves when its transaction was synced. Variant 'overlapping': with it, which is lmdb's default, the database's
// promise `flushed` is what says so.
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { open as openDatabase } from 'lmdb';
import { NotSupported } from '../harness/not-supported.mjs';
import { recordKeys } from './record-keys.mjs';

export const about = {
  package: 'lmdb',
  setting: 'overlappingSync: false, binary encoding, put() and transactions as it gathers them',
  settings: { overlapping: 'overlappingSync: true, put() and flushed, transactions as it gathers them' },
  durable: true,
  threads: true,
};

const WAITING_BYTES = 4 * 2 ** 20;

export async function open(directory, { variant, syncEvery }) {
  if (syncEvery !== undefined) throw new NotSupported('each transaction is synced');
  const overlappingSync = variant === 'overlapping';
  const database = openDatabase({ path: join(directory, 'log'), encoding: 'binary', overlappingSync });
  const nextKey = recordKeys(threadId);
  let waitingBytes = 0;
  let last;
  const settle = async () => {
    waitingBytes = 0;
    await last;
    if (overlappingSync) await database.flushed;
  };
  const durable = (promise) => {
    if (!overlappingSync) return promise;
    return promise.then(() => database.flushed);
  };
  return {
    append: (key, data) => durable(database.put(nextKey(key), data)),
    appendBatch: (key, datas) =>
      durable(
        database.batch(() => {
          for (const data of datas) void database.put(nextKey(key), data);
        }),
      ),
    ingest(key, data) {
      last = database.put(nextKey(key), data);
      waitingBytes += data.length;
      return waitingBytes < WAITING_BYTES;
    },
    drain: settle,
    sync: settle,
    close: () => database.close(),
  };
}
