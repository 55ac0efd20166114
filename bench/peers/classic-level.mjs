// SPDX-License-Identifier: MIT
// classic-level (LevelDB): what is appended in one tick is one batch with `sync: true`. LevelDB itself would join puts
// only of different threads, of which Node's pool has four.
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { GroupCommit } from '../../dist/cli/group-commit.js';
import { NotSupported } from '../harness/not-supported.mjs';
import { recordKeys } from './record-keys.mjs';

export const about = {
  package: 'classic-level',
  setting: 'batch() with sync: true, one per group; compression off, write buffer of 64 MiB',
  durable: true,
};

const BATCH_BYTES = 4 * 2 ** 20;

export async function open(directory, { syncEvery }) {
  if (syncEvery !== undefined) throw new NotSupported('each batch is synced');
  const database = new ClassicLevel(join(directory, 'log'), {
    valueEncoding: 'buffer',
    compression: false,
    writeBufferSize: 64 * 2 ** 20,
  });
  await database.open();
  const nextKey = recordKeys();
  const put = (key, value) => ({ type: 'put', key: nextKey(key), value });
  const group = new GroupCommit((keys, datas) =>
    database.batch(
      datas.map((data, index) => put(keys[index], data)),
      { sync: true },
    ),
  );
  let waiting = [];
  let waitingBytes = 0;
  // Each is synced: LevelDB's last sync would not cover a write-ahead log that it has left behind.
  const write = async () => {
    const operations = waiting;
    waiting = [];
    waitingBytes = 0;
    await database.batch(operations, { sync: true });
  };
  return {
    append: (key, data) => group.append(key, data),
    appendBatch: (key, datas) => group.appendBatch(key, datas),
    ingest(key, data) {
      waiting.push(put(key, data));
      waitingBytes += data.length;
      return waitingBytes < BATCH_BYTES;
    },
    drain: write,
    sync: write,
    close: () => database.close(),
  };
}
