// SPDX-License-Identifier: MIT
// The rows of docs/errors.md that need a process of their own: another user, a mount, a failing device. Runs the case
// that is named, in a directory of its own, and writes to descriptor 3 what the error was and what the log was like
// afterwards. For cases with a disk, `directory` is an empty file system; for those with a fault, SEGLOG_FAULT says what
// fails while `trigger` exists.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { finished, pipeline } from 'node:stream/promises';
import { Worker } from 'node:worker_threads';
import { openLog } from '../../dist/index.js';

const [name, directory] = process.argv.slice(2);
const trigger = process.env.SEGLOG_FAULT_WHEN ?? '';
const path = join(directory, 'log');
const ballast = join(directory, 'ballast');
const SMALL = { journalFirstBytes: 65_536, journalFileBytes: 65_536, journalLiveBytesMax: 131_072 };

const cases = {
  async 'read fails'() {
    const log = await openLog(path, { sharedStreamBytesMax: 0 });
    await sealedRecord(log);
    const before = treeOf(path);
    writeFileSync(trigger, '');
    const error = await caught(() => log.stream('key').get(1));
    rmSync(trigger);
    same(before, treeOf(path));
    await isUsable(log, 2);
    return { error, afterwards: 'usable' };
  },
  async 'opening fails'() {
    await closedLog();
    return unchangedBy(() => openLog(path), trigger);
  },
  async 'opening on a full disk'() {
    await closedLog();
    fillDisk();
    const result = await unchangedBy(() => openLog(path, SMALL));
    rmSync(ballast);
    await reopens(1);
    return result;
  },
  async 'making on a full disk'() {
    fillDisk();
    const error = await caught(() => openLog(path, SMALL));
    same((await caught(() => openLog(path, { readOnly: true }))).code, 'NOT_FOUND');
    same((await caught(() => openLog(path, { create: 'never' }))).code, 'NOT_FOUND');
    rmSync(ballast);
    const log = await openLog(path, SMALL);
    same(log.recovery.status, 'new');
    same(log.streams().length, 0);
    await log.append('key', 'data');
    await log.close();
    await reopens(1);
    return { error, afterwards: 'begun' };
  },
  async 'append on a full disk'() {
    return onFullJournal((log) => caught(() => log.append('key', Buffer.alloc(8000))));
  },
  // Whoever is asked next tells it, and what is stored is a beginning of what was ingested, each time.
  async 'ingest on a full disk'() {
    const log = await openLog(path, SMALL);
    await log.append('key', 'data');
    const errors = [];
    for (const tell of [() => log.sync(), () => log.drain(), () => ingestOne(log, 'more')]) {
      fillDisk();
      const before = log.stream('key').info().nextSeq;
      let ingested = before;
      while (log.stream('key').info().nextSeq === ingested) {
        for (let i = 0; i < 40; i++) ingestOne(log, `ingested ${ingested++}`);
        do await new Promise((resolve) => setTimeout(resolve, 5));
        while (log.stats().waitingBytes > 0);
      }
      errors.push(await caught(tell));
      rmSync(ballast);
      log.resume();
      await log.append('key', 'room again');
      const stored = await log.stream('key').getRange(before, log.stream('key').info().nextSeq - 1);
      same(stored.at(-1).data.toString(), 'room again');
      for (const { seq, data } of stored.slice(0, -1)) same(data.toString().trimEnd(), `ingested ${seq}`);
      if (stored.length > ingested - before) throw new Error('Expected fewer records than were ingested');
    }
    same(
      errors.map(({ code }) => code),
      ['NO_SPACE', 'NO_SPACE', 'NO_SPACE'],
    );
    await log.sync();
    const stored = log.stream('key').info().nextSeq - 1;
    await log.close();
    await reopens(stored);
    return { error: errors[0], afterwards: 'usable' };
  },
  // A source that is far longer than what the disk has room for.
  async 'writable on a full disk'() {
    const log = await openLog(path, SMALL);
    await log.append('key', 'data');
    fillDisk();
    let acknowledged = 0;
    const writable = log.stream('key').writable({ highWaterMark: 16 });
    const error = await caught(async () => {
      writable.on('error', () => {});
      for (let number = 2; !writable.destroyed; number++) {
        const hasRoom = writable.write(`${number}`.padEnd(100), (failure) => {
          if (!failure) acknowledged++;
        });
        if (!hasRoom && !writable.destroyed) await Promise.race([once(writable, 'drain'), once(writable, 'close')]);
      }
      await finished(writable);
    });
    const stored = log.stream('key').info().nextSeq - 1;
    if (acknowledged === 0 || stored < 1 + acknowledged) throw new Error(`${stored} of ${acknowledged} are stored`);
    for (const { seq, data } of await log.stream('key').getRange(2, stored)) same(Number(data.toString()), seq);
    rmSync(ballast);
    log.resume();
    await pipeline([`${stored + 1}`], log.stream('key').writable());
    await log.close();
    await reopens(stored + 1);
    return { error, afterwards: 'usable' };
  },
  async 'writable fails'() {
    const log = await openLog(path);
    await pipeline(['data'], log.stream('key').writable());
    writeFileSync(trigger, '');
    const error = await caught(() => pipeline(['in flight', 'behind it'], log.stream('key').writable()));
    return isStopped(log, error);
  },
  async 'seal on a full disk'() {
    return onFullJournal(async (log) => {
      const errors = [];
      errors.push(await caught(() => log.seal('key')));
      errors.push(await caught(() => log.stream('key').truncateBefore(2)));
      same(errors[0].code, errors[1].code);
      return errors[0];
    });
  },
  async 'close on a full disk'() {
    const log = await openLog(path, SMALL);
    await log.append('key', 'data');
    fillDisk();
    const error = await caught(() => log.close());
    rmSync(ballast);
    await reopens(1);
    return { error, afterwards: 'closed' };
  },
  async 'directory without permission'() {
    await closedLog();
    const before = treeOf(path);
    execFileSync('chmod', ['0', path]);
    becomeNobody();
    const error = await caught(() => openLog(path));
    // Root's tests are somebody else by now, and may not look.
    if (process.env.SEGLOG_WAS_ROOT === undefined) {
      execFileSync('chmod', ['700', path]);
      same(before, treeOf(path));
    }
    return { error, afterwards: 'unchanged' };
  },
  async 'log without write permission'() {
    await closedLog();
    execFileSync('chmod', ['-R', 'a+rX,a-w', directory]);
    const before = treeOf(path);
    becomeNobody();
    const error = await caught(() => openLog(path));
    const reader = await openLog(path, { readOnly: true });
    same((await reader.stream('key').get(1)).data.toString(), 'data');
    await reader.close();
    same(before, treeOf(path));
    return { error, afterwards: 'unchanged' };
  },
  async 'read-only file system'() {
    await closedLog();
    execFileSync('mount', ['-o', 'remount,ro', directory]);
    const result = await unchangedBy(() => openLog(path));
    const reader = await openLog(path, { readOnly: true });
    same((await reader.stream('key').get(1)).data.toString(), 'data');
    await reader.close();
    return result;
  },
  async 'append fails'() {
    const log = await openLog(path);
    await log.append('key', 'data');
    writeFileSync(trigger, '');
    const error = await caught(() => log.append('key', 'in flight'));
    return isStopped(log, error);
  },
  async 'append after a failure'() {
    const log = await openLog(path);
    await log.append('key', 'data');
    writeFileSync(trigger, '');
    await caught(() => log.append('key', 'in flight'));
    rmSync(trigger);
    return isStopped(log, await caught(() => log.append('key', 'later')));
  },
  async 'append in a worker after a failure'() {
    const log = await openLog(path);
    await log.append('key', 'data');
    const worker = new Worker(new URL('worker-actor.mjs', import.meta.url));
    await runIn(worker, 'own.log = await openLog(args)', path);
    writeFileSync(trigger, '');
    await caught(() => log.append('key', 'in flight'));
    rmSync(trigger);
    const error = await caught(() => runIn(worker, `await own.log.append('key', 'later')`));
    same((await caught(() => runIn(worker, 'await own.log.close()'))).code, 'FAILED');
    await worker.terminate();
    return isStopped(log, error);
  },
  async 'close of a failed log'() {
    const log = await openLog(path);
    await log.append('key', 'data');
    writeFileSync(trigger, '');
    await caught(() => log.append('key', 'in flight'));
    const error = await caught(() => log.close());
    rmSync(trigger);
    same((await caught(() => log.sync())).code, 'CLOSED');
    await reopens(1);
    return { error, afterwards: 'closed' };
  },
  async 'last snapshot fails'() {
    const log = await openLog(path);
    await log.append('key', 'data');
    writeFileSync(trigger, '');
    const error = await caught(() => log.close());
    rmSync(trigger);
    await reopens(1);
    return { error, afterwards: 'closed' };
  },
  async 'no addon'() {
    // Where node-gyp-build then looks for it.
    process.env.SEGLOG_PREBUILD = directory;
    mkdirSync(path);
    return unchangedBy(() => openLog(path));
  },
  async windows() {
    Object.defineProperty(process, 'platform', { value: 'win32' });
    mkdirSync(path);
    return unchangedBy(() => openLog(path));
  },
};

writeSync(3, JSON.stringify(await cases[name]()));

async function onFullJournal(meet) {
  const log = await openLog(path, SMALL);
  await log.append('key', 'data');
  fillDisk();
  const appends = [];
  while (appends.at(-1)?.status !== 'rejected') {
    appends.push(...(await Promise.allSettled([log.append('key', Buffer.alloc(100))])));
  }
  const error = await meet(log);
  const accepted = 1 + appends.filter(({ status }) => status === 'fulfilled').length;
  same(log.stream('key').info().nextSeq, accepted + 1);
  rmSync(ballast);
  log.resume();
  await log.append('key', 'room again');
  await log.close();
  await reopens(accepted + 1);
  return { error, afterwards: 'usable' };
}

function ingestOne(log, text) {
  return log.ingest('key', text.padEnd(1000));
}

function fillDisk() {
  writeFileSync(ballast, '');
  for (const bytes of [65_536, 4096]) {
    for (;;) {
      try {
        writeFileSync(ballast, Buffer.alloc(bytes, 1), { flag: 'a' });
      } catch (error) {
        same(error.code, 'ENOSPC');
        break;
      }
    }
  }
}

async function closedLog() {
  const log = await openLog(path, SMALL);
  await log.append('key', 'data');
  await log.close();
}

async function sealedRecord(log) {
  await log.append('key', 'data');
  await log.seal('key');
  while (log.stats().segmentsSealed === 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function isUsable(log, seq) {
  same((await log.append('key', 'more')).seq, seq);
  same((await log.stream('key').get(1)).data.toString(), 'data');
  await log.close();
  await reopens(seq);
}

async function isStopped(log, error) {
  same((await log.stream('key').get(1)).data.toString(), 'data');
  same(log.stats().failed, true);
  await caught(() => log.close());
  rmSync(trigger, { force: true });
  await reopens(1);
  return { error, afterwards: 'stopped' };
}

/** Runs a source text in worker-actor.mjs. */
async function runIn(worker, source, args) {
  worker.postMessage({ source, args });
  const [{ value, error }] = await once(worker, 'message');
  if (error !== undefined) throw Object.assign(new Error(error.message), error);
  return value;
}

/** Opens again, where at least `count` records are there and the log takes the next one. */
async function reopens(count) {
  const log = await openLog(path);
  let found = 0;
  for await (const { seq } of log.stream('key').read()) same(seq, ++found);
  if (found < count) throw new Error(`${count - found} acknowledged records are missing`);
  await log.append('key', 'next');
  await log.close();
}

async function unchangedBy(open, fault) {
  const before = treeOf(path);
  if (fault !== undefined) writeFileSync(fault, '');
  const error = await caught(open);
  if (fault !== undefined) rmSync(fault);
  same(before, treeOf(path));
  return { error, afterwards: 'unchanged' };
}

// The LOCK file's text says who tried last.
function treeOf(root) {
  return readdirSync(root, { recursive: true })
    .sort()
    .map((file) => {
      const isFile = statSync(join(root, file)).isFile() && file !== 'LOCK';
      return [file, isFile ? readFileSync(join(root, file), 'latin1') : ''];
    });
}

function becomeNobody() {
  if (process.getuid() !== 0) return;
  process.env.SEGLOG_WAS_ROOT = '1';
  process.setgroups([]);
  process.setgid(65_534);
  process.setuid(65_534);
}

async function caught(call) {
  try {
    await call();
  } catch (error) {
    const { code, hint, docs, errno, syscall, message } = error;
    return { name: error.name, code, hint, docs, errno, syscall, message };
  }
  throw new Error('Expected an error');
}

function same(actual, expected) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`Expected ${b.slice(0, 300)} but found ${a.slice(0, 300)}`);
}
