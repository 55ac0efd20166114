// SPDX-License-Identifier: MIT
// seglog ingest, run as a process: what it stores, what it says, where it stops, and what is there when it is stopped.

import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BatchSender } from '../lib/cli/batch-sender.js';
import { IngestJob, type IngestLog, type IngestResult } from '../lib/cli/ingest-job.js';
import { openLog, SeglogError } from '../lib/index.js';
import { runModule, startChild } from './support/child.js';
import { CLI_PATH, type CliProcess, jsonLines, runCli, startCli } from './support/cli.js';
import { openTestLog, temporaryDirectory } from './support/directory.js';
import { canMount, onDisk } from './support/error-case.js';

async function dataOf(directory: string, key: string | Buffer): Promise<string[]> {
  const log = await openLog(directory, { readOnly: true });
  try {
    const data: string[] = [];
    for await (const record of log.stream(key).read()) data.push(record.data.toString('latin1'));
    return data;
  } finally {
    await log.close();
  }
}

function newLog(): string {
  return join(temporaryDirectory(), 'log');
}

/** A file of the test's. */
function inputFile(contents: string | Buffer): string {
  const path = join(temporaryDirectory(), 'input');
  writeFileSync(path, contents);
  return path;
}

describe('ingest', () => {
  test('stores each line as it is, of standard input', async () => {
    const directory = newLog();
    const { code, stdout, stderr } = await runCli(['ingest', directory, '--key', 'k'], 'one\ntwo\r\n\nlast');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^4 records, 11 B in .*records\/s, .*\/s\nDurable: all of them, LSNs 1 to 4\.\n$/);
    expect(await dataOf(directory, 'k')).toEqual(['one', 'two\r', '', 'last']);
  });

  test('stores bytes that are no text', async () => {
    const directory = newLog();
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    await runCli(['ingest', directory, '--key', 'ff', '--key-hex', inputFile(bytes)]);
    expect(await dataOf(directory, Buffer.from([0xff]))).toEqual(bytes.toString('latin1').split('\n'));
  });

  test('takes files and standard input in the order given', async () => {
    const directory = newLog();
    const args = ['ingest', directory, '--key', 'k', inputFile('a\n'), '-', inputFile('c')];
    expect(await runCli(args, 'b')).toMatchObject({ code: 0 });
    expect(await dataOf(directory, 'k')).toEqual(['a', 'b', 'c']);
  });

  test.each(['sync', 'os', 'none'])(
    'stores everything in order under %s, in batches of any size',
    async (durability) => {
      const lines = Array.from({ length: 10_000 }, (_, index) => `line ${index}`);
      const input = inputFile(`${lines.join('\n')}\n`);
      for (const batch of ['1', '7', '1000']) {
        const directory = newLog();
        const args = ['ingest', directory, '--key', 'k', '--durability', durability, '--batch', batch, input];
        expect(await runCli(args)).toMatchObject({ code: 0, stderr: '' });
        expect(await dataOf(directory, 'k')).toEqual(lines);
      }
    },
  );

  test('--json prints one object', async () => {
    const directory = newLog();
    const { stdout } = await runCli(['ingest', directory, '--key', 'k', '--json'], 'a\nbc\n');
    expect(jsonLines(stdout)).toEqual([
      {
        directory,
        status: 'complete',
        records: 2,
        bytes: 3,
        durableRecords: 2,
        blankLines: 0,
        inputBytes: 5,
        seconds: expect.any(Number),
        firstLsn: 1,
        lastLsn: 2,
        resumeAt: null,
        storedBehind: [],
        recordsPerSecond: expect.any(Number),
      },
    ]);
  });

  test('adds to a log that is there', async () => {
    const directory = newLog();
    await runCli(['ingest', directory, '--key', 'k'], 'a\n');
    const second = await runCli(['ingest', directory, '--key', 'k', '--json'], 'b\n');
    expect(jsonLines(second.stdout)).toMatchObject([{ firstLsn: 2, lastLsn: 2 }]);
    expect(await dataOf(directory, 'k')).toEqual(['a', 'b']);
  });

  test('finds keys in JSON lines, and passes over blank ones', async () => {
    const directory = newLog();
    const lines = ['{"user":{"id":"a"},"n":1}', '', '{"user":{"id":7}}', ' ', '{"user":{"id":"a"},"n":2}'];
    const args = ['ingest', directory, '--key-field', 'user.id', '--json'];
    const { stdout } = await runCli(args, lines.join('\n'));
    expect(jsonLines(stdout)).toMatchObject([{ records: 3, blankLines: 2 }]);
    expect(await dataOf(directory, 'a')).toEqual([lines[0], lines[4]]);
    expect(await dataOf(directory, '7')).toEqual([lines[2]]);
  });

  test('commits what a slow input has sent, without waiting for a full batch', async () => {
    const directory = newLog();
    const cli = startCli(['ingest', directory, '--key', 'k']);
    cli.write('one\ntwo\n');
    await untilInJournal(directory, 'two', cli);
    cli.end();
    expect(await cli.exit).toMatchObject({ code: 0 });
  });

  test('holds a bounded part of a large input in memory', { timeout: 120_000 }, async () => {
    const small = await maxRssOfIngest(16);
    const large = await maxRssOfIngest(256);
    // What waits to be committed and destaged, in buffers of up to twice its size; the input is 256 MiB.
    expect(large - small).toBeLessThan(210);
  });
});

/** Of an input of so many MiB, in MiB. */
async function maxRssOfIngest(megabytes: number): Promise<number> {
  const input = inputFile('');
  const part = `${'x'.repeat(127)}\n`.repeat(8192);
  for (let written = 0; written < megabytes; written++) appendFileSync(input, part);
  const report = `process.on('exit', () => console.error(process.resourceUsage().maxRSS))`;
  const exit = await runCli(['ingest', newLog(), '--key', 'k', input], '', {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(report)}`,
  });
  expect(exit.code).toBe(0);
  return Number(exit.stderr) / 1024;
}

describe('ingest stops at a line', () => {
  const cases: [string, string, string, number, RegExp][] = [
    [
      'that is not JSON',
      '--key-field=id',
      '{"id":"a"}\n{"id":"a"}\n{"id":\n{"id":"a"}\n',
      2,
      /:3: the line is not JSON: /,
    ],
    ['without the field', '--key-field=id', '{"id":"a"}\n{}\n', 1, /:2: the line has no field id \(/],
    ['whose field is no key', '--key-field=id', '{"id":"a"}\n{"id":[]}\n', 1, /:2: the field id is neither /],
  ];

  test.each(cases)('%s: BAD_INPUT, exit 7, and keeps those before it', async (_, option, input, records, message) => {
    const directory = newLog();
    const { code, stdout, stderr } = await runCli(['ingest', directory, option, '-'], input);
    expect(code).toBe(7);
    expect(stderr).toMatch(/^seglog: BAD_INPUT: stdin:[^\n]*\n$/);
    expect(stderr.trimEnd()).toMatch(message);
    expect(stdout).toMatch(new RegExp(`\\nDurable: all of them, LSNs 1 to ${records}\\.\\n$`));
    expect(await dataOf(directory, 'a')).toHaveLength(records);
  });

  test('that is too long: TOO_LARGE, exit 7, and keeps those before it', async () => {
    const directory = newLog();
    const input = inputFile(Buffer.concat([Buffer.from('a\nb\n'), Buffer.alloc(64 * 2 ** 20 + 1, 'x')]));
    const { code, stderr } = await runCli(['ingest', directory, '--key', 'k', input]);
    const hint = 'split it: those before it are stored';
    const message = `${input}:3: the line has more than 67,108,864 bytes (${hint})`;
    expect([code, stderr]).toEqual([7, `seglog: TOO_LARGE: ${message}\n`]);
    expect(await dataOf(directory, 'k')).toEqual(['a', 'b']);
  });

  test('and says so with --json on both outputs', async () => {
    const { code, stdout, stderr } = await runCli(['ingest', newLog(), '--key-field', 'id', '--json'], 'x\n');
    expect(code).toBe(7);
    expect(jsonLines(stdout)).toMatchObject([
      {
        status: 'failed',
        records: 0,
        durableRecords: 0,
        firstLsn: null,
        resumeAt: { source: 'stdin', line: 1 },
        storedBehind: [],
      },
    ]);
    expect(jsonLines(stderr)).toMatchObject([{ error: { code: 'BAD_INPUT', hint: expect.any(String), exitCode: 7 } }]);
  });
});

describe('ingest into a log that refuses a batch', () => {
  const NOT_READY = new SeglogError('NO_SPACE', 'the disk is full');

  /** A run of `count` lines in batches of two, under the fates given: LSNs come from those that are taken. */
  async function runJob(count: number, refused: (batch: number) => boolean, durableLsnMax = Number.MAX_SAFE_INTEGER) {
    let batches = 0;
    let lastLsn = 0;
    const log: IngestLog = {
      options: (await openTestLog()).options,
      get durableLsn() {
        return Math.min(lastLsn, durableLsnMax);
      },
      appendBatch: async (records) => {
        const batch = ++batches;
        const firstLsn = lastLsn + 1;
        if (!refused(batch)) lastLsn += records.length;
        await setTimeout(1);
        if (refused(batch)) throw NOT_READY;
        return { firstLsn, records: [] };
      },
      sync: async () => {
        if (durableLsnMax < lastLsn) throw new SeglogError('FAILED', 'the disk is gone');
      },
      close: async () => {},
    };
    const lines = Array.from({ length: count }, (_, index) => `${index + 1}\n`).join('');
    const source = { name: 'in', bytes: undefined, open: () => Readable.from([Buffer.from(lines)]) };
    const job = new IngestJob(log, [source], () => 'k', new BatchSender(log, 'sync', 2));
    const failure = await job.run(new AbortController().signal);
    return { failure, result: job.result() };
  }

  test('says with which line to go on, and which of those behind it are stored', async () => {
    // The first record goes alone, then lines 2 and 3, 4 and 5, and so on; batches 3 and 6 are refused.
    const { failure, result } = await runJob(15, (batch) => batch === 3 || batch === 6);
    expect(failure).toMatchObject({
      code: 'NO_SPACE',
      message: 'in:4: the disk is full; of the lines behind it these are stored all the same: in:6 to 9, in:12 to 15',
    });
    expect(result).toMatchObject({
      durableRecords: 11,
      firstLsn: 1,
      lastLsn: 11,
      resumeAt: { source: 'in', line: 4 },
      storedBehind: [
        { first: { source: 'in', line: 6 }, last: { source: 'in', line: 9 } },
        { first: { source: 'in', line: 12 }, last: { source: 'in', line: 15 } },
      ],
    });
  });

  test('goes on behind what is durable, where a log that took everything fails', async () => {
    const { failure, result } = await runJob(9, () => false, 5);
    expect(failure).toMatchObject({ code: 'FAILED', message: 'in:6: the disk is gone' });
    expect(result).toMatchObject({
      records: 9,
      durableRecords: 5,
      lastLsn: 5,
      resumeAt: { line: 6 },
      storedBehind: [],
    });
  });

  test.each(['sync', 'os', 'none'])('under %s on a full disk: says exactly what is stored', async (durability) => {
    if (!canMount()) return void console.warn('skipped: this machine does not permit mounting a file system');
    const directory = temporaryDirectory();
    const disk = temporaryDirectory();
    const lines = Array.from({ length: 6000 }, (_, n) => `${n + 1} ${'x'.repeat(n % 100 === 99 ? 900_000 : 100)}`);
    const seglog = `"${process.execPath}" "${CLI_PATH}"`;
    const script = `${seglog} ingest ${disk}/log --key k --durability ${durability} --batch 20 ${inputFile(lines.join('\n'))} \
        --json > ${directory}/summary 2> ${directory}/failure; echo $? > ${directory}/code
      ${seglog} read ${disk}/log k --raw | cut -c1-9 > ${directory}/stored`;
    const [program = '', ...args] = onDisk(26 * 2 ** 20, disk, ['sh', '-c', script]);
    expect(await startChild(program, args).exit).toMatchObject({ code: 0, stderr: '' });
    const text = (name: string) => readFileSync(join(directory, name), 'utf8');
    expect(text('code')).toBe('1\n');
    expect(jsonLines(text('failure'))).toMatchObject([{ error: { code: 'NO_SPACE' } }]);
    const [summary] = jsonLines(text('summary'));
    const { resumeAt, storedBehind, durableRecords } = summary as unknown as IngestResult;
    const next = resumeAt?.line ?? 0;
    const told = Array.from({ length: next - 1 }, (_, index) => index + 1);
    for (const { first, last } of storedBehind) for (let n = first.line; n <= last.line; n++) told.push(n);
    const stored = text('stored').trim().split('\n').map(Number.parseFloat);
    expect(stored).toEqual(told);
    expect(durableRecords).toBe(stored.length);
    expect(text('failure')).toContain(`:${next}: `);
  });
});

describe('ingest makes no log', () => {
  const cases: [string, string[], number][] = [
    ['without a key', [], 2],
    ['with two keys', ['--key', 'a', '--key-field', 'b'], 2],
    ['with --key-hex beside --key-field', ['--key-field', 'a', '--key-hex'], 2],
    ['with an empty key', ['--key', ''], 2],
    ['with a wrong path', ['--key-field', 'a..b'], 2],
    ['with a wrong durability', ['--key', 'a', '--durability', 'maybe'], 2],
    ['with a batch of none', ['--key', 'a', '--batch', '0'], 2],
    ['from a file that is not there', ['--key', 'a', '/nonexistent/file'], 3],
    ['from a directory', ['--key', 'a', '/'], 7],
  ];

  test.each(cases)('%s', async (_, args, code) => {
    const directory = newLog();
    const exit = await runCli(['ingest', directory, ...args], 'x\n');
    expect(exit.code).toBe(code);
    expect(exit.stderr).toMatch(/^seglog: [A-Z_]+: [^\n]*\n$/);
    expect(existsSync(directory)).toBe(false);
  });
});

describe('ingest that is interrupted', () => {
  test.each([
    ['SIGINT', 130, 'INTERRUPTED'],
    ['SIGTERM', 143, 'TERMINATED'],
  ] as const)('by %s makes durable what it took, says so, and exits with %i', async (signal, exitCode, errorCode) => {
    const directory = newLog();
    const cli = startCli(['ingest', directory, '--key', 'k', '--json']);
    const lines = Array.from({ length: 50_000 }, (_, index) => `line ${index}`);
    cli.write(`${lines.join('\n')}\n`);
    await untilInJournal(directory, 'line 9', cli);
    cli.process.kill(signal);
    const { code, stdout, stderr } = await cli.exit;
    expect(code).toBe(exitCode);
    const stored = await dataOf(directory, 'k');
    expect(stored.length).toBeGreaterThan(9);
    expect(stored).toEqual(lines.slice(0, stored.length));
    expect(jsonLines(stdout)).toMatchObject([
      {
        status: 'interrupted',
        records: stored.length,
        durableRecords: stored.length,
        lastLsn: stored.length,
        resumeAt: { source: 'stdin', line: stored.length + 1 },
      },
    ]);
    expect(jsonLines(stderr)).toMatchObject([
      { error: { code: errorCode, message: `stopped behind stdin:${stored.length}`, exitCode } },
    ]);
    expect(await runCli(['verify', directory])).toMatchObject({ code: 0 });
    expect((await runCli(['info', directory])).stdout).toMatch(/^Status +clean/m);
  });

  test('stops behind the batches that are under way, however small they are', async () => {
    const directory = newLog();
    const lines = 200_000;
    const input = inputFile('x\n'.repeat(lines));
    const cli = startCli(['ingest', directory, '--key', 'k', '--batch', '1', '--json', input]);
    await untilInJournal(directory, 'SGFR', cli).catch(() => {});
    cli.process.kill('SIGINT');
    const { code, stdout } = await cli.exit;
    expect(code).toBe(130);
    const stored = (await dataOf(directory, 'k')).length;
    expect(stored).toBeLessThan(lines / 2);
    expect(jsonLines(stdout)).toMatchObject([
      { durableRecords: stored, resumeAt: { source: input, line: stored + 1 } },
    ]);
  });

  test('from a directory as standard input is refused', async () => {
    const command = `"${process.execPath}" "${CLI_PATH}" ingest ${newLog()} --key k < /`;
    const { code, stderr } = await startChild('sh', ['-c', command]).exit;
    expect([code, stderr]).toEqual([7, expect.stringMatching(/^seglog: BAD_INPUT: standard input is a directory/)]);
  });

  test('twice exits at once', async () => {
    const interruption = new URL('interruption.js', pathToFileURL(CLI_PATH)).href;
    const exit = await runModule(
      `const { Interruption } = await import(${JSON.stringify(interruption)});
       const { signal } = new Interruption();
       setInterval(() => {}, 1000);
       signal.addEventListener('abort', () => {
         console.log('finishing');
         process.kill(process.pid, 'SIGINT');
       });
       process.kill(process.pid, 'SIGINT');`,
      [],
    );
    expect(exit).toMatchObject({ code: 130, signal: null, stdout: 'finishing\n' });
  });
});

/** Waits until the journal of a log that is being written holds a text. */
async function untilInJournal(directory: string, text: string, cli: CliProcess): Promise<void> {
  const journal = join(directory, 'journal');
  for (;;) {
    const names = existsSync(journal) ? readdirSync(journal).filter((name) => name.endsWith('.journal')) : [];
    if (names.some((name) => readFileSync(join(journal, name)).includes(text))) return;
    if (cli.process.exitCode !== null) throw new Error(`ingest ended with ${cli.process.exitCode}`);
    await setTimeout(10);
  }
}
