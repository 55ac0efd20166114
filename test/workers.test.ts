// SPDX-License-Identifier: MIT
// One log, opened from several threads of a process.

import { describe, expect, test } from 'vitest';
import { type Log, openLog } from '../lib/index.js';
import { runModule, supportPath } from './support/child.js';
import { collect, openTestLog, rejection, temporaryDirectory } from './support/directory.js';
import { Actor, startActors } from './support/worker.js';

const SMALL = { journalFirstBytes: 65_536, journalFileBytes: 65_536, journalLiveBytesMax: 131_072 } as const;

async function textsOf(log: Log, key: string): Promise<string[]> {
  return (await collect(log.stream(key).read())).map(({ data }) => data.toString());
}

describe('appends of four worker threads', () => {
  // Each way of appending in turn; returns how much was acknowledged of each stream, as the worker saw it.
  const APPEND = `
    const [directory, index, rounds] = args;
    const log = await openLog(directory);
    const key = 'worker-' + index;
    let next = 0;
    for (let round = 0; round < rounds; round++) {
      const appended = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          log.append(key, String(next + n), { durability: ['sync', 'os', 'none'][n % 3] })),
      );
      for (const { seq } of appended) if (seq !== ++next) throw new Error('sequence ' + seq + ', expected ' + next);
      const { seq } = log.appendSync(key, String(next));
      if (seq !== ++next) throw new Error('sequence ' + seq + ', expected ' + next);
      const both = [index + '.' + round + ' '.repeat(round * 37 % 500), index + '.' + round];
      await log.appendBatch([{ key: 'left', data: both[0] }, { key: 'right', data: both[1] }]);
      log.ingest(key, String(next++));
      if (round % 8 === 0) await log.sync();
    }
    await log.appendBatch([{ key: 'left', data: Buffer.alloc(100_000) }, { key: 'right', data: 'large' }]);
    await log.sync();
    const highest = log.stats().nextLsn - 1;
    if (log.durableLsn < highest) await log.waitDurable(highest);
    await log.close();
    return next;`;

  test('are acknowledged to each, in its own order, and are read back; batches are whole', async () => {
    const directory = temporaryDirectory();
    const log = await openTestLog({}, directory);
    const actors = startActors(4);
    const counts = await Promise.all(actors.map((actor, index) => actor.run(APPEND, [directory, index, 40])));
    const check = async (checked: Log) => {
      for (const [index, count] of counts.entries()) {
        const expected = Array.from({ length: Number(count) }, (_, n) => String(n));
        expect(await textsOf(checked, `worker-${index}`)).toEqual(expected);
      }
      const left = await collect(checked.stream('left').read());
      const right = await collect(checked.stream('right').read());
      expect(left.length).toBe(4 * 41);
      expect(right.map(({ lsn }) => lsn)).toEqual(left.map(({ lsn }) => lsn + 1));
      for (const index of [0, 1, 2, 3]) {
        const rounds = right.map(({ data }) => data.toString()).filter((text) => text.startsWith(`${index}.`));
        expect(rounds).toEqual(Array.from({ length: 40 }, (_, round) => `${index}.${round}`));
      }
    };
    await check(log);
    expect(await log.verify()).toMatchObject({ damage: [] });
    await log.close();
    const again = await openTestLog({}, directory);
    expect(again.recovery.status).toBe('clean');
    await check(again);
  });

  test('to one stream get its sequences without a gap, and expectedSeq lets exactly one through', async () => {
    const directory = temporaryDirectory();
    const actors = startActors(4);
    const source = `
      const log = await openLog(args);
      const won = [];
      for (let seq = 1; seq <= 50; seq++) {
        try {
          won.push((await log.append('claims', Math.random().toString(), { expectedSeq: seq })).seq);
        } catch (error) {
          if (error.code !== 'SEQ_CONFLICT' || error.actualSeq <= seq) throw error;
        }
        await log.append('common', 'x');
      }
      await log.close();
      return won;`;
    const won = await Promise.all(actors.map((actor) => actor.run(source, directory)));
    expect(won.flat().sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
    const log = await openTestLog({}, directory);
    expect(log.stream('common').info()?.nextSeq).toBe(201);
  });

  test('on their own threads at once are all answered', async () => {
    const directory = temporaryDirectory();
    const log = await openTestLog({}, directory);
    const actors = startActors(3);
    const source = `
      const log = await openLog(args[0]);
      const sequences = [];
      for (let n = 0; n < 200; n++) sequences.push(log.appendSync('sync-' + args[1], String(n)).seq);
      log.appendBatchSync([{ key: 'sync-' + args[1], data: 'last' }]);
      log.syncSync();
      return sequences;`;
    const running = Promise.all(actors.map((actor, index) => actor.run(source, [directory, index])));
    for (let n = 1; n <= 200; n++) expect(log.appendSync('sync-main', String(n)).seq).toBe(n);
    for (const sequences of await running) expect(sequences).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
    for (const index of [0, 1, 2]) expect(log.stream(`sync-${index}`).info()?.nextSeq).toBe(202);
  });

  test('that nobody waits for have room when their own ring has, whoever else writes', async () => {
    const directory = temporaryDirectory();
    const options = { bufferedBytesMax: 65_536 };
    const source = `
      const log = await openLog(...args);
      for (let n = 0; n < 5000; n++) if (!log.ingest('ingested', 'x'.repeat(100))) await log.drain();
      await log.sync();
      await log.close();`;
    await Promise.all(startActors(4).map((actor) => actor.run(source, [directory, options])));
    const log = await openTestLog(options, directory);
    expect(log.stream('ingested').info()?.nextSeq).toBe(20_001);
  });
});

describe('a log that several threads have open', () => {
  test('is one log: reads, seal, truncateBefore, verify and stats are of the same streams', async () => {
    const directory = temporaryDirectory();
    const log = await openTestLog({ sharedStreamBytesMax: 0 }, directory);
    const actor = new Actor();
    await actor.open(directory, { sharedStreamBytesMax: 0 });
    for (const data of ['one', 'two', 'three']) await log.append('key', data);
    expect(await actor.run(`return (await own.log.stream('key').get(2)).data.toString()`)).toBe('two');
    await actor.run(`await own.log.append('key', 'four'); await own.log.seal('key');`);
    await expect.poll(() => log.stats().segmentsSealed, { timeout: 20_000 }).toBe(1);
    await log.append('key', 'five');
    await actor.run(`await own.log.truncateBefore('key', 3)`);
    expect(await textsOf(log, 'key')).toEqual(['three', 'four', 'five']);
    expect(await actor.run(`return (await own.log.verify()).damage.length`)).toBe(0);
    const { id } = log.streams()[0] ?? {};
    expect(await actor.run(`return own.log.streams()[0].id`)).toBe(id);
    expect(await actor.run(`return own.log.stats().native`)).toEqual({ logs: 1, channels: 2, rings: 2 });
    expect(await actor.run(`await own.log.waitDurable(args); return own.log.durableLsn`, log.durableLsn)).toBe(5);
  });

  test('says in each what its one opening found', async () => {
    const directory = temporaryDirectory();
    await (await openLog(directory)).close();
    const log = await openTestLog({}, directory);
    const actor = new Actor();
    await actor.open(directory);
    expect(await actor.run('return own.log.recovery.status')).toBe('clean');
    expect(await actor.run('return own.log.recovery.durationMs')).toBe(log.recovery.durationMs);
  });

  test('may be opened by all at once, also where there is none yet', async () => {
    for (let round = 0; round < 5; round++) {
      const directory = `${temporaryDirectory()}/not/there/yet`;
      const actors = startActors(4);
      const opened = Promise.all(actors.map((actor) => actor.open(directory)));
      const log = await openTestLog({}, directory);
      await opened;
      const seqs = await Promise.all(actors.map((actor) => actor.run(`return (await own.log.append('key', '')).seq`)));
      expect(seqs.sort()).toEqual([1, 2, 3, 4]);
      await Promise.all(actors.map(({ worker }) => worker.terminate()));
      expect(await log.append('key', 'x')).toMatchObject({ seq: 5 });
    }
  });

  test('needs the same options in each, and says which are not', async () => {
    const directory = temporaryDirectory();
    await openTestLog({ segmentBytes: 2 ** 20, syncEvery: { ms: 5 } }, directory);
    const [actor] = startActors(1);
    const error = await rejection(
      actor?.open(directory, { segmentBytes: 2 ** 21, durability: 'os' }) ?? Promise.resolve(),
    );
    expect(error).toMatchObject({ code: 'OPTIONS_MISMATCH', differs: ['durability', 'segmentBytes', 'syncEvery'] });
    expect(error).toHaveProperty('message', expect.stringContaining('segmentBytes is 1048576 there, 2097152 here'));
    expect(error).toHaveProperty('message', expect.stringContaining('syncEvery is {"ms":5} there, undefined here'));
    // What is about the directory before, and a preset's name, are not compared.
    await actor?.open(directory, { segmentBytes: 2 ** 20, syncEvery: { ms: 5 }, create: 'never' });
    expect(await actor?.run('return own.log.options.create')).toBe('never');
  });

  test('cannot be opened twice in one, nor from another process', async () => {
    const directory = temporaryDirectory();
    const log = await openTestLog({}, directory);
    const actor = new Actor();
    await actor.open(directory);
    expect(await rejection(actor.open(directory))).toMatchObject({ code: 'LOCKED', holder: { pid: process.pid } });
    expect(await rejection(openLog(directory))).toMatchObject({ code: 'LOCKED' });
    const { stderr } = await runModule('await openLog(process.argv[1])', [directory]);
    expect(stderr).toContain("code: 'LOCKED'");
    await actor.run('await own.log.close()');
    await actor.open(directory);
    await actor.run(`await own.log.append('key', 'data')`);
    expect(await textsOf(log, 'key')).toEqual(['data']);
  });
});

describe('close in one thread', () => {
  test('settles its own appends and leaves the others; the last one closes the log', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    const actors = startActors(2);
    await Promise.all(actors.map((actor) => actor.open(directory)));
    const steady = `
      own.going = true;
      own.done = (async () => {
        let count = 0;
        while (own.going) await own.log.append('steady', String(count++));
        return count;
      })();`;
    await actors[1]?.run(steady);
    const closes = `
      const appends = Array.from({ length: 200 }, (_, n) => own.log.append('leaving', String(n), { durability: 'none' }));
      const closing = own.log.close();
      const late = await own.log.append('leaving', 'late').catch(({ code }) => code);
      await closing;
      const closed = await own.log.sync().catch(({ code }) => code);
      return [(await Promise.all(appends)).length, late, closed, own.log.durableLsn >= (await appends.at(-1)).lsn];`;
    expect(await actors[0]?.run(closes)).toEqual([200, 'CLOSED', 'CLOSED', true]);
    expect(await textsOf(log, 'leaving')).toHaveLength(200);
    const before = log.stream('steady').info()?.nextSeq ?? 1;
    await log.close();
    await expect.poll(() => actors[1]?.run(`return own.log.stream('steady').info().nextSeq`)).toBeGreaterThan(before);
    const count = await actors[1]?.run(
      'own.going = false; const count = await own.done; await own.log.close(); return count',
    );
    const again = await openTestLog({}, directory);
    expect(again.recovery.status).toBe('clean');
    expect(again.stream('steady').info()?.nextSeq).toBe(Number(count) + 1);
  });

  test('is no race: whoever opens while the others close gets a log', async () => {
    const directory = temporaryDirectory();
    const source = `
      for (let round = 0; round < 30; round++) {
        const log = await openLog(args[0], args[2]);
        await log.append('of-' + args[1], String(round));
        if (round % 3 === 0) log.append('of-any', 'x', { durability: 'none' });
        await log.close();
      }`;
    await Promise.all(startActors(4).map((actor, index) => actor.run(source, [directory, index, SMALL])));
    const log = await openTestLog(SMALL, directory);
    expect(log.recovery.status).toBe('clean');
    for (const index of [0, 1, 2, 3]) expect(log.stream(`of-${index}`).info()?.nextSeq).toBe(31);
    expect(log.stream('of-any').info()?.nextSeq).toBe(41);
  });
});

describe('a thread that ends without close()', () => {
  test('leaves the log to the others; the last one to end drops it, and it opens again in the same process', async () => {
    const directory = temporaryDirectory();
    const actors = startActors(2);
    for (const actor of actors) await actor.open(directory);
    for (const actor of actors) await actor.run(`await own.log.append('key', 'acknowledged')`);
    await actors[0]?.worker.terminate();
    await actors[1]?.run(`await own.log.append('key', 'acknowledged too')`);
    await actors[1]?.run(`for (let n = 0; n < 100; n++) own.log.append('key', 'in flight').catch(() => {})`);
    await actors[1]?.worker.terminate();
    const log = await openTestLog({}, directory);
    expect((await textsOf(log, 'key')).slice(0, 3)).toEqual(['acknowledged', 'acknowledged', 'acknowledged too']);
    expect(log.stats().native).toEqual({ logs: 1, channels: 1, rings: 1 });
  });

  test('may be the main thread: the process ends as it does', async () => {
    for (const end of ['', 'process.exit(0);', 'await log.close(); process.exit(0);']) {
      const directory = temporaryDirectory();
      const source = `
        import { Worker } from 'node:worker_threads';
        const log = await openLog(process.argv[1]);
        await log.append('main', 'acknowledged');
        const worker = new Worker(process.argv[2], { execArgv: [], workerData: process.argv[1] });
        const [seq] = await new Promise((resolve) => worker.on('message', (...seqs) => resolve(seqs)));
        console.log(seq);
        worker.unref();
        ${end}`;
      const exit = await runModule(source, [directory, supportPath('worker-writer.mjs')]);
      expect(exit).toMatchObject({ code: 0, stderr: '' });
      const log = await openTestLog({}, directory);
      expect(await textsOf(log, 'main')).toEqual(['acknowledged']);
      expect((await textsOf(log, 'key')).length).toBeGreaterThanOrEqual(Number(exit.stdout));
    }
  });
});

test('nothing native is left of logs that were closed', { timeout: 120_000 }, async () => {
  const log = await openTestLog();
  const directories = Array.from({ length: 10 }, () => temporaryDirectory());
  for (let round = 0; round < 100; round++) {
    const logs = await Promise.all(directories.map((directory) => openLog(directory, SMALL)));
    expect(log.stats().native).toEqual({ logs: 11, channels: 11, rings: 11 });
    await Promise.all(logs.map((one) => one.close()));
  }
  expect(log.stats().native).toEqual({ logs: 1, channels: 1, rings: 1 });
});
