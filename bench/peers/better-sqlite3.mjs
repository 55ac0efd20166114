// SPDX-License-Identifier: MIT
// better-sqlite3: an insert into a table without an index. Each append is a transaction of its own; variant 'grouped':
// what is appended in one tick is one transaction. Both block the event loop while they write.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { GroupCommit } from '../../dist/cli/group-commit.js';
import { NotSupported } from '../harness/not-supported.mjs';

export const about = {
  package: 'better-sqlite3',
  setting: 'WAL, synchronous = FULL, locking_mode = EXCLUSIVE, prepared insert',
  settings: { grouped: 'the same, what is appended in one tick in one transaction' },
  durable: true,
  blocksLoop: true,
};

const TRANSACTION_BYTES = 4 * 2 ** 20;

export async function open(directory, { variant, syncEvery }) {
  if (syncEvery !== undefined) throw new NotSupported('each transaction is synced');
  const database = new Database(join(directory, 'log.db'));
  database.pragma('locking_mode = EXCLUSIVE');
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec('CREATE TABLE log (id INTEGER PRIMARY KEY, stream TEXT, data BLOB)');
  const insert = database.prepare('INSERT INTO log (stream, data) VALUES (?, ?)');
  const insertAll = database.transaction((keys, datas) => {
    for (const [index, data] of datas.entries()) insert.run(keys[index], data);
  });
  const insertBatch = database.transaction((key, datas) => {
    for (const data of datas) insert.run(key, data);
  });
  const group = new GroupCommit(async (keys, datas) => insertAll(keys, datas));

  let waitingBytes = 0;
  const begin = database.prepare('BEGIN');
  const commit = database.prepare('COMMIT');
  const commitIngested = async () => {
    if (database.inTransaction) commit.run();
    waitingBytes = 0;
  };
  return {
    append: variant === 'grouped' ? (key, data) => group.append(key, data) : (key, data) => void insert.run(key, data),
    appendBatch: async (key, datas) => insertBatch(key, datas),
    ingest(key, data) {
      if (waitingBytes === 0) begin.run();
      insert.run(key, data);
      waitingBytes += data.length;
      return waitingBytes < TRANSACTION_BYTES;
    },
    drain: commitIngested,
    sync: commitIngested,
    close: async () => database.close(),
  };
}
