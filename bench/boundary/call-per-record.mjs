// SPDX-License-Identifier: MIT
// One Node-API call per record, as ingest makes it now, or packing records in JavaScript into an arena that is
// published once per 256. What the log does with the records afterwards is not in the time, but shares the processor.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLog } from '../../dist/index.js';

const RECORDS = 256;
const DATA_BYTES = 128;
const HEADER_BYTES = 16;

export const title = 'handing over 128 B';

export async function addTasks(bench) {
  const directory = mkdtempSync(join(tmpdir(), 'seglog-boundary-'));
  const log = await openLog(join(directory, 'log'));
  const stream = log.stream('stream');
  const data = Array.from({ length: RECORDS }, (_, index) => Buffer.alloc(DATA_BYTES, index));
  const room = { afterEach: () => log.drain() };
  const addIngest = (name, ingest) =>
    bench.add(
      name,
      () => {
        for (const one of data) ingest(one);
      },
      room,
    );
  addIngest('log.ingest: key and call per record', (one) => log.ingest('stream', one));
  addIngest('stream.ingest: handle and call per record', (one) => stream.ingest(one));

  const memory = new ArrayBuffer(RECORDS * (HEADER_BYTES + DATA_BYTES));
  const bytes = new Uint8Array(memory);
  const words = new Uint32Array(memory);
  const published = new Int32Array(new SharedArrayBuffer(4));
  bench.add('packed in JavaScript, published once', () => {
    let at = 0;
    for (const one of data) {
      words[at >> 2] = one.length;
      words[(at >> 2) + 1] = 7; // the stream's handle
      bytes.set(one, at + HEADER_BYTES);
      at += HEADER_BYTES + DATA_BYTES;
    }
    Atomics.store(published, 0, at);
  });
  return async () => {
    await log.close();
    rmSync(directory, { recursive: true });
  };
}
