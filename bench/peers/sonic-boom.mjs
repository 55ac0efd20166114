// SPDX-License-Identifier: MIT
// sonic-boom, the stream under pino: raw bytes into a file, with an fsync before anything is acknowledged. Its own
// `fsync: true` syncs on the event loop; flush(callback) does it beside, once per group, and is faster.
import { once } from 'node:events';
import { join } from 'node:path';
import SonicBoom from 'sonic-boom';
import { GroupCommit } from '../../dist/cli/group-commit.js';
import { NotSupported } from '../harness/not-supported.mjs';

export const about = {
  package: 'sonic-boom',
  setting: 'flush() with its fsync, once per group; raw bytes, no framing, no checksums',
  durable: true,
};

const WRITE_BYTES = 4 * 2 ** 20;

export async function open(directory, { keys, syncEvery }) {
  if (keys > 1 || syncEvery !== undefined) throw new NotSupported('one stream of raw bytes, each group synced');
  const boom = new SonicBoom({
    dest: join(directory, 'log'),
    contentMode: 'buffer',
    maxWrite: WRITE_BYTES,
    minLength: WRITE_BYTES - 1, // Nothing is written before it is flushed or this much waits.
  });
  await once(boom, 'ready');
  const flush = () =>
    new Promise((resolve, reject) => {
      boom.flush((error) => (error ? reject(error) : resolve()));
    });
  const group = new GroupCommit((_, datas) => {
    for (const data of datas) boom.write(data);
    return flush();
  });
  return {
    append: (key, data) => group.append(key, data),
    appendBatch: (key, datas) => group.appendBatch(key, datas),
    ingest: (_, data) => boom.write(data),
    drain: () => once(boom, 'drain'),
    sync: flush,
    async close() {
      boom.end();
      await once(boom, 'close');
    },
  };
}
