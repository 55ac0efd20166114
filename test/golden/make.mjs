// SPDX-License-Identifier: MIT
// Makes the golden directories of format version 1, see README.md beside it: node test/golden/make.mjs [--force] [name…]
// Each log is written by a child process, most of which kill themselves. Refuses to overwrite without --force.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openLog } from '../../dist/index.js';

const SCRIPT = fileURLToPath(import.meta.url);
const TARGET = fileURLToPath(new URL('v1/', import.meta.url));
// As small as options allow.
const SMALL = {
  journalFirstBytes: 65_536,
  journalFileBytes: 65_536,
  journalLiveBytesMax: 131_072,
  segmentBytes: 16_384,
  destageBytes: 4096,
  frameBytesMax: 4096,
  commitBytesMax: 16_384,
};

const text = (index, bytes) => `${index} ${'golden '.repeat(Math.ceil(bytes / 7))}`.slice(0, bytes);

const cases = {
  async closed(directory) {
    const log = await openLog(directory, SMALL);
    const keys = ['orders', 'Orders', '😀', '.hidden', '..', 'a/b', '~7e', Buffer.of(0xff, 0x00), 'k'.repeat(1024)];
    for (const [index, key] of keys.entries()) {
      await log.append(key, text(index, 40), { headers: { source: 'web', index: Buffer.of(index, 0, 255), none: '' } });
      await log.append(key, '');
    }
    await log.appendBatch(
      Array.from({ length: 60 }, (_, index) => ({ key: keys[index % 3], data: text(index, index) })),
    );
    await log.close();
  },

  async crashed(directory, life) {
    const log = await openLog(directory, { ...SMALL, sharedStreamBytesMax: 4096, journalLiveBytesMax: 524_288 });
    for (let index = 0; index < 20; index++) {
      await log.append(`stream ${index % 2}`, text(index, 600), { headers: { life: `${life}` } });
    }
    await log.appendBatch(
      Array.from({ length: 30 }, (_, index) => ({ key: `stream ${index % 3}`, data: text(index, 50) })),
    );
    process.kill(process.pid, 'SIGKILL');
  },

  async 'sealed-truncated'(directory) {
    const log = await openLog(directory, { ...SMALL, sharedStreamBytesMax: 0 });
    for (let index = 0; index < 70; index++) await log.append(`stream ${index % 2}`, text(index, 900));
    await log.stream('stream 0').seal();
    await log.append('stream 0', 'behind the seal');
    while (log.stats().segmentsSealed < 3) await new Promise((resolve) => setTimeout(resolve, 10));
    await log.stream('stream 0').truncateBefore(17);
    await log.stream('stream 1').truncateBefore(3);
    await log.close();
  },

  async shared(directory) {
    const log = await openLog(directory, { ...SMALL, sharedStreamBytesMax: 4096 });
    for (let round = 0; round < 8; round++) {
      const records = Array.from({ length: 40 }, (_, index) => ({
        key: `tiny ${index}`,
        data: text(round, 60 + 10 * (index % 5)),
      }));
      await log.appendBatch(records);
      for (let index = 0; index < 6; index++) await log.append('grows', text(index, 200));
    }
    while (log.stats().segmentsSealed < 1) await new Promise((resolve) => setTimeout(resolve, 10));
    for (let index = 0; index < 10; index++) await log.stream(`tiny ${index}`).truncateBefore(index < 5 ? 9 : 4);
    await log.append('tiny 0', 'begins anew');
    process.kill(process.pid, 'SIGKILL');
  },

  async bodies(directory) {
    const options = { ...SMALL, segmentBytes: 65_536, sharedStreamBytesMax: 0, outOfLineBytes: 2048 };
    const log = await openLog(directory, options);
    for (let index = 0; index < 12; index++) {
      await log.append('small', text(index, 300));
      await log.append('large', text(index, 5000));
    }
    while (log.stats().bodyBytesWritten === 0) await log.append('large', text(0, 5000));
    await log.append('large', 'behind a body');
    process.kill(process.pid, 'SIGKILL');
  },

  async recycled(directory) {
    const log = await openLog(directory, SMALL);
    for (let index = 0; index < 100; index++) {
      await log.append(`stream ${index % 2}`, text(index, 300));
      if (index % 10 === 0) await log.append('idle', text(index, 20));
      if (index % 40 === 0) await log.stream('stream 0').truncateBefore(1 + index / 2);
    }
    process.kill(process.pid, 'SIGKILL');
  },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { force: { type: 'boolean' }, write: { type: 'string' }, life: { type: 'string' } },
});
if (values.write !== undefined) await cases[values.write](positionals[0], values.life);
else for (const name of positionals.length > 0 ? positionals : Object.keys(cases)) await make(name);

async function make(name) {
  const target = join(TARGET, name);
  if (existsSync(target) && !values.force) throw new Error(`${target} exists: --force makes it anew`);
  const directory = mkdtempSync(join(tmpdir(), 'seglog-golden-'));
  const lives = name === 'crashed' ? 2 : 1;
  for (let life = 1; life <= lives; life++) {
    const args = [SCRIPT, '--write', name, '--life', String(life), directory];
    const { status, signal } = spawnSync(process.execPath, args, { stdio: 'inherit' });
    if (status !== 0 && signal !== 'SIGKILL') throw new Error(`${name} ended with status ${status}`);
  }
  if (existsSync(join(directory, 'LOCK'))) {
    writeFileSync(join(directory, 'LOCK'), 'pid=1\nhost=golden\nstarted=2026-01-01T00:00:00.000Z\n');
  }
  removeEmptyDirectories(directory);
  const expected = await contentOf(directory);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  cpSync(directory, join(target, 'log'), { recursive: true });
  writeFileSync(join(target, 'expected.json'), `${formatExpected(expected)}\n`);
  rmSync(directory, { recursive: true });
}

function removeEmptyDirectories(directory) {
  const entries = readdirSync(directory, { withFileTypes: true });
  for (const entry of entries) if (entry.isDirectory()) removeEmptyDirectories(join(directory, entry.name));
  if (readdirSync(directory).length === 0) rmdirSync(directory);
}

// The same shape as in test/golden.test.ts.
async function contentOf(directory) {
  const log = await openLog(directory, { readOnly: true });
  const streams = [];
  for (const info of log.streams()) {
    const { key, id, firstSeq, nextSeq, createdUs } = info;
    const records = [];
    for await (const { seq, lsn, timeUs, kind, headers, data } of log.stream(key).read()) {
      const sha256 = createHash('sha256').update(data).digest('hex');
      records.push([seq, lsn, timeUs, kind, encodeHeaders(headers), data.length, sha256]);
    }
    const hex = Buffer.from(key).toString('hex');
    streams.push({ key: hex, id: Number.parseInt(id, 16), firstSeq, nextSeq, createdUs, records });
  }
  await log.close();
  return { status: log.recovery.status, streams: streams.sort((a, b) => (a.key < b.key ? -1 : 1)) };
}

function encodeHeaders(headers) {
  return Object.entries(headers).map(([name, value]) =>
    typeof value === 'string' ? [name, value] : [name, { hex: value.toString('hex') }],
  );
}

// A record a line.
function formatExpected({ status, streams }) {
  const parts = streams.map(({ records, ...rest }) => {
    const lines = records.map((record) => `      ${JSON.stringify(record)}`);
    return `  ${JSON.stringify(rest).slice(0, -1)},"records":[\n${lines.join(',\n')}\n  ]}`;
  });
  return `{"status":${JSON.stringify(status)},"streams":[\n${parts.join(',\n')}\n]}`;
}
