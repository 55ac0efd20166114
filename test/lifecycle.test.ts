// SPDX-License-Identifier: MIT
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { openLog } from '../lib/index.js';
import { runModule, supportPath } from './support/child.js';
import { collect, openTestLog, rejection, temporaryDirectory } from './support/directory.js';

describe('close', () => {
  test('flushes what was accepted, and is idempotent', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory, { durability: 'none' });
    for (let index = 0; index < 100; index++) log.ingest('key', String(index));
    const pending = log.append('key', 'last');
    await Promise.all([log.close(), log.close()]);
    await log.close();
    expect(await pending).toMatchObject({ seq: 101 });
    const again = await openTestLog({}, directory);
    expect(again.recovery).toMatchObject({ status: 'clean', lastLsn: 101 });
  });

  test('refuses every later call with CLOSED', async () => {
    const log = await openTestLog();
    await log.append('key', 'data');
    const stream = log.stream('key');
    const reader = stream.read();
    await log.close();
    const closed = { code: 'CLOSED' };
    expect(await rejection(log.append('key', 'data'))).toMatchObject(closed);
    expect(await rejection(log.appendBatch([]))).toMatchObject(closed);
    expect(await rejection(log.sync())).toMatchObject(closed);
    expect(await rejection(log.drain())).toMatchObject(closed);
    expect(await rejection(log.waitDurable(1))).toMatchObject(closed);
    expect(await rejection(log.seal('key'))).toMatchObject(closed);
    expect(await rejection(stream.get(1))).toMatchObject(closed);
    expect(await rejection(reader.next())).toMatchObject(closed);
    for (const call of [
      () => log.ingest('key', 'data'),
      () => log.stream('key'),
      () => log.stats(),
      () => log.streams(),
      () => log.read(),
      () => stream.info(),
    ]) {
      expect(call).toThrow(expect.objectContaining(closed));
    }
  });

  test('leaves durableLsn and recovery readable', async () => {
    const log = await openTestLog();
    const { lsn } = await log.append('key', 'data');
    await log.close();
    expect(log.durableLsn).toBe(lsn);
    expect(log.recovery.status).toBe('new');
  });

  test('is what Symbol.asyncDispose does', async () => {
    const log = await openTestLog();
    await log[Symbol.asyncDispose]();
    expect(await rejection(log.sync())).toMatchObject({ code: 'CLOSED' });
  });

  test('leaves no read without an answer', async () => {
    const log = await openTestLog();
    await log.append('key', 'data');
    const reads = Array.from({ length: 20 }, () => log.stream('key').get(1));
    await log.close();
    for (const one of await Promise.allSettled(reads)) {
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'CLOSED' });
      else expect(one.value?.data.toString()).toBe('data');
    }
  });
});

describe('the process', () => {
  test('is not kept alive by an open log', async () => {
    const exit = await runModule("await openLog(process.argv[1]); console.log('opened');", [temporaryDirectory()]);
    expect(exit).toMatchObject({ code: 0, stdout: 'opened\n', stderr: '' });
  });

  test('is kept alive by a pending append', async () => {
    const source = `const log = await openLog(process.argv[1]);
      log.append('key', 'data').then(({ seq }) => console.log('durable', seq));`;
    const exit = await runModule(source, [temporaryDirectory()]);
    expect(exit).toMatchObject({ code: 0, stdout: 'durable 1\n', stderr: '' });
  });

  test('may exit with appends in flight; what was acknowledged is there', async () => {
    const directory = temporaryDirectory();
    const source = `const log = await openLog(process.argv[1]);
      await log.append('key', 'acknowledged');
      for (let index = 0; index < 100; index++) log.append('key', 'in flight').catch(() => {});
      process.exit(0);`;
    expect(await runModule(source, [directory])).toMatchObject({ code: 0, stderr: '' });
    const log = await openTestLog({}, directory);
    expect((await log.stream('key').get(1))?.data.toString()).toBe('acknowledged');
    expect(log.recovery.status).toMatch(/^(clean|recovered|torn-tail)$/);
  });

  test('can require() the package', () => {
    const load = createRequire(import.meta.url);
    expect(load('../dist/index.js')).toHaveProperty('openLog');
  });
});

describe('a worker thread', () => {
  async function terminatedWorker(directory: string, afterMs: number): Promise<number> {
    const worker = new Worker(supportPath('worker-writer.mjs'), { workerData: directory });
    let acknowledged = 0;
    const failed = new Promise<never>((_, reject) => worker.on('error', reject));
    const started = new Promise<void>((resolve) => {
      worker.on('message', (seq: number) => {
        acknowledged = seq;
        resolve();
      });
    });
    await Promise.race([started, failed]);
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await worker.terminate();
    return acknowledged;
  }

  test('may be terminated in mid-flight, again and again: the log stays usable and keeps what was acknowledged', async () => {
    const directory = temporaryDirectory();
    for (let round = 0; round < 10; round++) {
      const acknowledged = await terminatedWorker(directory, round * 3);
      expect(acknowledged).toBeGreaterThan(0);
      const log = await openLog(directory);
      const records = await collect(log.stream('key').read());
      expect(records.length).toBeGreaterThanOrEqual(acknowledged);
      for (const { seq, data } of records) expect(data.toString()).toBe(`record ${seq}`);
      await log.close();
    }
  });

  test('may end without closing its log', async () => {
    const directory = temporaryDirectory();
    const worker = new Worker(supportPath('worker-writer.mjs'), { workerData: directory, argv: ['--once'] });
    const code = await new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve));
    expect(code).toBe(0);
    const log = await openTestLog({}, directory);
    expect((await log.stream('key').get(1))?.data.toString()).toBe('record 1');
  });
});
