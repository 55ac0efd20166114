// SPDX-License-Identifier: MIT
// rocksdb of the Level project, its last release: what is appended in one tick is one batch with `sync: true`. A synced
// write of RocksDB covers the earlier ones of all its write-ahead logs, so that bulk needs one at the end.
import { join } from 'node:path';
import { promisify } from 'node:util';
import rocksdb from 'rocksdb';
import { GroupCommit } from '../../dist/cli/group-commit.js';
import { NotSupported } from '../harness/not-supported.mjs';
import { recordKeys } from './record-keys.mjs';

export const about = {
  package: 'rocksdb',
  setting: 'batch() with sync: true, one per group; compression off, write buffer of 64 MiB',
  durable: true,
};

const BATCH_BYTES = 4 * 2 ** 20;

export async function open(directory, { syncEvery }) {
  if (syncEvery !== undefined) throw new NotSupported('each batch is synced');
  const database = rocksdb(join(directory, 'log'));
  const call = (method) => promisify(database[method].bind(database));
  const [openDatabase, batch, close] = ['open', 'batch', 'close'].map(call);
  await openDatabase({ createIfMissing: true, compression: false, writeBufferSize: 64 * 2 ** 20 });
  const nextKey = recordKeys();
  const put = (key, value) => ({ type: 'put', key: nextKey(key), value });
  const group = new GroupCommit((keys, datas) =>
    batch(
      datas.map((data, index) => put(keys[index], data)),
      { sync: true },
    ),
  );
  let waiting = [];
  let waitingBytes = 0;
  const write = async (sync) => {
    const operations = waiting;
    waiting = [];
    waitingBytes = 0;
    await batch(operations, { sync });
  };
  return {
    append: (key, data) => group.append(key, data),
    appendBatch: (key, datas) => group.appendBatch(key, datas),
    ingest(key, data) {
      waiting.push(put(key, data));
      waitingBytes += data.length;
      return waitingBytes < BATCH_BYTES;
    },
    drain: () => write(false),
    sync() {
      waiting.push(put('the last', Buffer.from('one')));
      return write(true);
    },
    close,
  };
}
