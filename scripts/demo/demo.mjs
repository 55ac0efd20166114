// SPDX-License-Identifier: MIT
// The main job on real input: every line of every text file under node_modules becomes a record, durable, under the
// name of its package. A child process writes; it is killed half-way with SIGKILL; another one goes on where the log
// stops; then every line is compared with the files. Exits with 1 when anything is missing or differs.
//
//   npm run demo [-- <directory for the log>]
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openLog } from '../../dist/index.js';
import { countInput, inputRoot, listFiles, readLines } from './input.mjs';

const given = process.argv[2];
const directory = given ?? join(mkdtempSync(join(tmpdir(), 'seglog-demo-')), 'log');
const problems = [];

const files = listFiles();
const input = countInput(files);
say(
  `Input      ${number(input.lines)} lines (${megabytes(input.bytes)}) in ${number(files.length)} text files of ${input.keys} packages`,
);
say(`           ${relative(process.cwd(), inputRoot) || '.'}, one key per package, one record per line`);
say(`Log        ${directory}`);
say(
  `Machine    ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${megabytes(totalmem())} memory, Node ${process.version}`,
);
if (given !== undefined && existsSync(given)) fail(`${given} exists already`);
else await run();
if (given === undefined) rmSync(join(directory, '..'), { recursive: true, force: true });
say('');
if (problems.length === 0) {
  say('RESULT     everything that was acknowledged is there, and nothing differs');
} else {
  for (const problem of problems.slice(0, 20)) say(`PROBLEM    ${problem}`);
  say(`RESULT     ${problems.length} problems`);
  process.exitCode = 1;
}

async function run() {
  heading('1. Write durably, and kill the writer with SIGKILL half-way');
  const first = await runWriter({ killAt: Math.floor(input.lines / 2) });
  say(`Killed     after ${number(first.acknowledged)} acknowledged records; signal ${first.signal}`);
  say(`Rate       ${rate(first)}, up to ${first.inFlight} batches of up to ${first.batchRecords} records in flight`);
  if (first.signal !== 'SIGKILL') fail(`the writer ended by itself: ${first.code} ${first.signal}`);

  heading('2. Reopen');
  const found = await inspect();
  if (found.records < first.acknowledged) {
    fail(`${first.acknowledged} records were acknowledged, ${found.records} are there`);
  }
  say(`Checked    ${number(first.acknowledged)} acknowledged, ${number(found.records)} there: none is missing`);

  heading('3. Go on to the end');
  const second = await runWriter({ killAt: Number.POSITIVE_INFINITY });
  if (second.code !== 0) fail(`the second writer ended with ${second.code} ${second.signal}`);
  say(
    `Appended   ${number(second.acknowledged)} records durably, behind the ${number(second.skipped)} that were there`,
  );
  say(`Rate       ${rate(second)}`);
  if (second.skipped !== found.records) fail(`the second writer found ${second.skipped} of ${found.records} records`);

  heading('4. Compare with the files');
  await verify();
}

/** Runs the writer in a child process and kills it when it has acknowledged `killAt` records. */
async function runWriter({ killAt }) {
  const script = fileURLToPath(new URL('writer.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  let last = { acknowledged: 0, bytes: 0, seconds: 0, skipped: 0 };
  for await (const line of createInterface({ input: child.stdout })) {
    // The kill may cut the last line short.
    if (!line.endsWith('}')) continue;
    last = { ...last, ...JSON.parse(line) };
    if (last.acknowledged >= killAt) child.kill('SIGKILL');
  }
  return { ...last, ...(await ended) };
}

async function inspect() {
  const started = performance.now();
  const log = await openLog(directory, { create: 'never' });
  const milliseconds = performance.now() - started;
  const { rows: _, changes, ...recovery } = log.recovery;
  say(`Opened     in ${milliseconds.toFixed(1)} ms`);
  for (const [name, value] of Object.entries(recovery)) {
    if (value !== undefined) say(`           ${name}: ${JSON.stringify(value)}`);
  }
  for (const change of changes) say(`           changed: ${change}`);
  if (!['recovered', 'torn-tail'].includes(recovery.status)) fail(`log.recovery.status is ${recovery.status}`);
  let records = 0;
  for (const { nextSeq } of log.streams()) records += nextSeq - 1;
  await log.close();
  return { records };
}

/** Reads each stream beside the lines of its package's files, in order. */
async function verify() {
  const log = await openLog(directory, { create: 'never' });
  if (log.recovery.status !== 'clean') fail(`after a close, log.recovery.status is ${log.recovery.status}`);
  const started = performance.now();
  const readers = new Map();
  let [lines, bytes] = [0, 0];
  for (const { key, line, where } of readLines(files)) {
    if (!readers.has(key)) readers.set(key, { batches: log.stream(key).readBatches(), batch: [], index: 0, seq: 0 });
    const record = await nextRecord(readers.get(key));
    if (record === undefined) fail(`${where} is missing in '${key}'`);
    else if (!record.data.equals(line)) fail(`${where} differs from record ${record.seq} of '${key}'`);
    lines++;
    bytes += line.length;
  }
  for (const [key, reader] of readers) {
    if ((await nextRecord(reader)) !== undefined) fail(`'${key}' has records that no file has`);
  }
  const streams = log.streams().length;
  if (streams !== readers.size) fail(`the log has ${streams} streams for ${readers.size} packages`);
  say(`Checked    ${number(lines)} lines under ${number(readers.size)} keys: bytes, order and sequence of each`);
  say(
    `Rate       ${rate({ acknowledged: lines, bytes, seconds: (performance.now() - started) / 1000 })}, files read beside it`,
  );
  const ordered = performance.now();
  let [count, lastLsn] = [0, 0];
  for await (const { lsn } of log.read()) {
    if (lsn <= lastLsn) fail(`LSN ${lsn} follows LSN ${lastLsn}`);
    lastLsn = lsn;
    count++;
  }
  if (count !== lines) fail(`in LSN order there are ${count} records, by key ${lines}`);
  say(
    `Checked    ${number(count)} records in LSN order, all streams merged: ${number(count / ((performance.now() - ordered) / 1000))} records/s`,
  );
  await log.close();
}

async function nextRecord(reader) {
  if (reader.index >= reader.batch.length) {
    reader.batch = (await reader.batches.next()).value ?? [];
    reader.index = 0;
    if (reader.batch.length === 0) return undefined;
  }
  const record = reader.batch.at(reader.index++);
  if (record.seq !== ++reader.seq) fail(`record ${record.seq} of '${record.key}' stands where ${reader.seq} belongs`);
  return record;
}

function fail(problem) {
  problems.push(problem);
}

function heading(text) {
  say('');
  say(text);
}

function rate({ acknowledged, bytes, seconds }) {
  return `${number(acknowledged / seconds)} records/s, ${(bytes / 1e6 / seconds).toFixed(1)} MB/s in ${seconds.toFixed(2)} s`;
}

function megabytes(bytes) {
  return `${number(bytes / 1e6)} MB`;
}

function number(value) {
  return Math.round(value).toLocaleString('en');
}

function say(text) {
  console.log(text);
}
