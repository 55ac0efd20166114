// SPDX-License-Identifier: MIT
// The commands that read, run as processes on real logs: what they print for people and for programs, how they fail,
// and what they exit with.

import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openLog } from '../lib/index.js';
import { runModule, startChild } from './support/child.js';
import { CLI_PATH, jsonLines, onTerminal, runCli } from './support/cli.js';
import { openTestLog, temporaryDirectory } from './support/directory.js';

const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/;
const time = expect.stringMatching(TIME);
const NASTY_KEY = 'a\x1b[31m\nb';
const BYTES_KEY = Buffer.from([0xff, 0x00]);

/** A log with records of all sorts, closed. */
async function makeLog(): Promise<string> {
  const directory = temporaryDirectory();
  const log = await openLog(directory);
  await log.append('orders/eu', '{"id":1}', { headers: { source: 'web', tag: Buffer.from([0xff]) } });
  await log.append('orders/eu', 'two\nlines\x1b');
  await log.append('orders/eu/old', 'old');
  await log.append(NASTY_KEY, Buffer.from([0xff, 0x41]));
  await log.append(BYTES_KEY, 'under a key of bytes');
  await log.append('orders/eu', 'three');
  await log.close();
  return directory;
}

/** A closed log of whose stream `orders` record 2 of 3 is damaged in its segment file. */
async function makeDamagedLog(): Promise<string> {
  const directory = temporaryDirectory();
  const log = await openLog(directory, { sharedStreamBytesMax: 0 });
  for (const data of ['first-payload', 'second-payload', 'third-payload']) await log.append('orders', data);
  await log.seal('orders');
  while (log.stats().segmentsSealed === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await log.close();
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const file = join(directory, names.find((name) => name.endsWith('.seg')) ?? '');
  damage(file, readFileSync(file).indexOf('second-payload'));
  return directory;
}

function damage(file: string, offset: number): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, 'X', offset);
  closeSync(descriptor);
}

describe('ls', () => {
  test('prints a table of the streams, by key', async () => {
    const { code, stdout, stderr } = await runCli(['ls', await makeLog()]);
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^KEY +RECORDS +SIZE +FIRST +LAST +SEGMENTS +AGE$/);
    expect(lines.slice(1).map((line) => line.split(/ {2,}/).slice(0, 2))).toEqual([
      ['a\\x1b[31m\\nb', '1'],
      ['orders/eu', '3'],
      ['orders/eu/old', '1'],
      ['\\xff\\x00', '1'],
    ]);
    expect(lines[2]).toMatch(/^orders\/eu {2,}3 {2,}\d+ B {2,}1 {2,}3 {2,}0 {2,}\S+$/);
  });

  test('--json prints an object per stream', async () => {
    const { stdout } = await runCli(['ls', await makeLog(), '--json']);
    const streams = jsonLines(stdout);
    expect(streams).toHaveLength(4);
    expect(streams[1]).toEqual({
      key: 'orders/eu',
      keyEncoding: 'utf8',
      id: expect.stringMatching(/^[0-9a-f]+$/),
      records: 3,
      bytes: expect.any(Number),
      firstSeq: 1,
      lastSeq: 3,
      // Of its own: tiny streams share theirs.
      segments: 0,
      lastLsn: 6,
      lastTime: time,
      lastTimeUs: expect.any(Number),
      created: time,
      createdUs: expect.any(Number),
    });
    expect(streams[3]).toMatchObject({ key: BYTES_KEY.toString('base64'), keyEncoding: 'base64' });
  });

  test('takes a pattern', async () => {
    const directory = await makeLog();
    const keysOf = async (glob: string) => {
      const { stdout } = await runCli(['ls', directory, glob, '--json']);
      return jsonLines(stdout).map((stream) => (stream !== null && typeof stream === 'object' ? { ...stream } : {}));
    };
    expect(await keysOf('orders/*')).toMatchObject([{ key: 'orders/eu' }]);
    expect(await keysOf('orders/**')).toMatchObject([{ key: 'orders/eu' }, { key: 'orders/eu/old' }]);
    expect(await keysOf('[ab]*')).toMatchObject([{ key: NASTY_KEY }]);
  });

  test.each(['nothing', 'nothing/*'])('finds no stream for %s: NOT_FOUND, exit 3', async (glob) => {
    const { code, stdout, stderr } = await runCli(['ls', await makeLog(), glob]);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(
      /^seglog: NOT_FOUND: no stream (matches )?nothing(\/\*)? \('seglog ls' lists the streams\)\n$/,
    );
  });

  test('of a stream whose records are all truncated knows no age and no last record', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await log.append('gone', 'x');
    await log.stream('gone').truncateBefore(2);
    expect(log.stream('gone').info()).toMatchObject({ firstSeq: 2, nextSeq: 2, lastLsn: 0, lastTimeUs: 0 });
    await log.close();
    expect((await runCli(['ls', directory])).stdout).toMatch(/\ngone +0 +0 B +- +- +0 +-\n$/);
    const json = await runCli(['ls', directory, '--json']);
    expect(jsonLines(json.stdout)).toMatchObject([{ records: 0, lastLsn: null, lastTime: null, lastTimeUs: null }]);
    expect((await runCli(['info', directory])).stdout).toMatch(/^Last record +-$/m);
  });

  test('of a log without streams says so, and is no failure', async () => {
    const directory = temporaryDirectory();
    await (await openLog(directory)).close();
    expect(await runCli(['ls', directory])).toMatchObject({ code: 0, stdout: '' });
    expect(await runCli(['ls', directory, '--json'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });
});

describe('info', () => {
  test('says what the log is', async () => {
    const { code, stdout, stderr } = await runCli(['info', await makeLog()]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Format +version 1$/m);
    expect(stdout).toMatch(/^Log id +[0-9a-f]{32}$/m);
    expect(stdout).toMatch(/^Status +clean: it was closed$/m);
    expect(stdout).toMatch(/^Streams +4$/m);
    expect(stdout).toMatch(/^Records +6$/m);
    expect(stdout).toMatch(/^LSNs +last 6, next 7$/m);
  });

  test('--json has the recovery report, with every field', async () => {
    const { stdout } = await runCli(['info', await makeLog(), '--json']);
    expect(jsonLines(stdout)).toEqual([
      expect.objectContaining({
        formatVersion: 1,
        logId: expect.stringMatching(/^[0-9a-f]{32}$/),
        status: 'clean',
        streams: 4,
        records: 6,
        segments: 1,
        lastLsn: 6,
        nextLsn: 7,
        journalFiles: 1,
        recovery: expect.objectContaining({
          status: 'clean',
          tornTail: null,
          lostLsns: null,
          damage: [],
          replayed: [],
        }),
      }),
    ]);
  });

  test('of a log whose writer was killed says what only the journal has', async () => {
    const directory = temporaryDirectory();
    await runModule(
      // Without a mark block, which would be a commit more.
      `const log = await openLog(process.argv[1], { markDelayMs: 1e6 });
       await log.append('a', '1');
       await log.append('b', '2');
       process.kill(process.pid, 'SIGKILL');`,
      [directory],
    );
    const { code, stdout } = await runCli(['info', directory]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Status +recovered: it was not closed/m);
    expect(stdout).toMatch(/^Replayed +2 commits with 2 records/m);
  });
});

describe('read', () => {
  test('prints sequence, time, headers and data, one line each', async () => {
    const { code, stdout } = await runCli(['read', await makeLog(), 'orders/eu']);
    expect(code).toBe(0);
    expect(stdout.replaceAll(new RegExp(TIME, 'g'), 'TIME').split('\n')).toEqual([
      '1  TIME  {source=web, tag=\\xff}  {"id":1}',
      '2  TIME  two\\nlines\\x1b',
      '3  TIME  three',
      '',
    ]);
  });

  test('--json has data and headers as they are', async () => {
    const directory = await makeLog();
    const { stdout } = await runCli(['read', directory, 'orders/eu', '--json', '--to', '2']);
    expect(jsonLines(stdout)).toEqual([
      {
        key: 'orders/eu',
        keyEncoding: 'utf8',
        seq: 1,
        lsn: 1,
        time,
        timeUs: expect.any(Number),
        kind: 'data',
        headers: { source: 'web', tag: { base64: '/w==' } },
        data: '{"id":1}',
        dataEncoding: 'utf8',
      },
      expect.objectContaining({ seq: 2, headers: {}, data: 'two\nlines\x1b' }),
    ]);
    const bytes = await runCli(['read', directory, NASTY_KEY, '--json']);
    expect(jsonLines(bytes.stdout)).toMatchObject([{ key: NASTY_KEY, data: '/0E=', dataEncoding: 'base64' }]);
  });

  test('--raw prints the data, each with a newline behind it', async () => {
    const directory = await makeLog();
    const { stdout } = await runCli(['read', directory, 'orders/eu', '--raw', '--from', '2']);
    expect(stdout).toBe('two\nlines\x1b\nthree\n');
  });

  test('takes a key in hexadecimal', async () => {
    const { stdout } = await runCli(['read', await makeLog(), 'ff00', '--key-hex', '--raw']);
    expect(stdout).toBe('under a key of bytes\n');
  });

  test('of an unknown stream fails: NOT_FOUND, exit 3', async () => {
    const { code, stderr } = await runCli(['read', await makeLog(), 'nothing']);
    expect([code, stderr]).toEqual([3, "seglog: NOT_FOUND: no stream nothing ('seglog ls' lists the streams)\n"]);
  });

  test('shows the beginning of a large record, and says how much there is', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await log.append('large', 'x'.repeat(20 * 1024));
    await log.close();
    const shown = await runCli(['read', directory, 'large']);
    expect(shown.stdout).toMatch(/ {2}x{16384} … and 4\.0 KiB more\n$/);
    const raw = await runCli(['read', directory, 'large', '--raw']);
    expect(raw.stdout).toHaveLength(20 * 1024 + 1);
  });

  test('whose reader goes away ends quietly', async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await log.appendBatch(Array.from({ length: 50_000 }, (_, index) => ({ key: 'k', data: `record ${index}` })));
    await log.close();
    const { code, text } = await onTerminal(
      80,
      `bash -c 'set -o pipefail; "${process.execPath}" "${CLI_PATH}" read ${directory} k --raw | head -1'`,
    );
    expect([code, text]).toEqual([0, 'record 0\n']);
  });
});

describe('damage', () => {
  test('ends a read behind the records before it: CORRUPT, exit 4', async () => {
    const { code, stdout, stderr } = await runCli(['read', await makeDamagedLog(), 'orders', '--raw']);
    expect([code, stdout]).toEqual([4, 'first-payload\n']);
    expect(stderr).toMatch(
      /^seglog: CORRUPT: [^\n]+\.seg at \d+, sequence 2 \([^\n]+--skip-damage reads around it\)\n$/,
    );
  });

  test('is read around with --skip-damage, and reported', async () => {
    const directory = await makeDamagedLog();
    const shown = await runCli(['read', directory, 'orders', '--raw', '--skip-damage']);
    expect([shown.code, shown.stdout]).toEqual([4, 'first-payload\nthird-payload\n']);
    expect(shown.stderr).toMatch(/^seglog: damage: streams\/\S+\.seg at \d+, .*stream orders, sequence 2.*\n$/);
    const json = await runCli(['read', directory, 'orders', '--raw', '--skip-damage', '--json']);
    expect(json.code).toBe(2);
    const objects = await runCli(['read', directory, 'orders', '--skip-damage', '--json']);
    expect(jsonLines(objects.stderr)).toMatchObject([{ damage: { key: 'orders', keyEncoding: 'utf8', firstSeq: 2 } }]);
  });

  test('is listed by verify: exit 4', async () => {
    const directory = await makeDamagedLog();
    const shown = await runCli(['verify', directory]);
    expect([shown.code, shown.stderr]).toEqual([4, '']);
    expect(shown.stdout).toMatch(/^damage {2}streams\/\S+\.seg at \d+, .*stream orders, sequence 2/m);
    expect(shown.stdout).toMatch(/^\d+ damaged places?\.$/m);
    const json = await runCli(['verify', directory, '--json']);
    expect(json.code).toBe(4);
    expect(jsonLines(json.stdout)).toMatchObject([
      { status: 'damaged', damage: expect.arrayContaining([expect.objectContaining({ key: 'orders', firstSeq: 2 })]) },
    ]);
  });

  test('of the catalogue is listed by verify, and keeps others from opening', async () => {
    const directory = await makeLog();
    for (const name of ['CATALOG', 'CATALOG.copy']) damage(join(directory, name), 40);
    const verified = await runCli(['verify', directory, '--json']);
    expect(verified.code).toBe(4);
    expect(jsonLines(verified.stdout)).toMatchObject([{ status: 'damaged', records: 0 }]);
    const opened = await runCli(['ls', directory]);
    expect(opened.code).toBe(4);
    expect(opened.stderr).toMatch(/^seglog: CORRUPT: .*\n$/);
  });
});

describe('verify', () => {
  test('of a sound log says what it checked', async () => {
    const directory = await makeLog();
    const { code, stdout, stderr } = await runCli(['verify', directory]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/: 1 segment \(\d sealed\), 6 records, .*\/s\nNo damage\.\n$/);
    const json = await runCli(['verify', directory, '--json']);
    expect(jsonLines(json.stdout)).toEqual([
      {
        directory,
        status: 'sound',
        segments: 1,
        sealedSegments: expect.any(Number),
        bytes: expect.any(Number),
        records: 6,
        seconds: expect.any(Number),
        damage: [],
        damageOmitted: 0,
      },
    ]);
  });
});

describe('a failure', () => {
  const cases: [string, string[], number, RegExp][] = [
    ['a missing command', [], 2, /seglog: USAGE: a command is missing \(see 'seglog --help'\)\n$/],
    ['an unknown command', ['lss', 'x'], 2, /^seglog: USAGE: unknown command 'lss' .*\n$/],
    [
      'an unknown option',
      ['ls', 'x', '--jsno'],
      2,
      /^seglog: USAGE: unknown option '--jsno' .*'seglog ls --help'\)\n$/,
    ],
    ['a missing argument', ['read', 'x'], 2, /^seglog: USAGE: missing required argument 'key' .*\n$/],
    ['a wrong number', ['read', 'x', 'k', '--from', '0'], 2, /^seglog: USAGE: .*no whole number of at least 1\. .*\n$/],
    ['a number for a time', ['tail', 'x', 'k', '--since', '10'], 2, /^seglog: USAGE: .*neither a duration.*\n$/],
    ['a long interval', ['tail', 'x', 'k', '--interval', '30d'], 2, /^seglog: USAGE: .*not from 10ms to 1d\. .*\n$/],
    ['a short interval', ['tail', 'x', 'k', '--interval', '9ms'], 2, /^seglog: USAGE: .*not from 10ms to 1d\. .*\n$/],
    ['a path with a newline', ['ls', '/none\nxistent'], 3, /^seglog: NOT_FOUND: no log at \/none\\nxistent \(.*\)\n$/],
    ['a wrong time', ['tail', 'x', 'k', '--since', 'soon'], 2, /^seglog: USAGE: .*neither a duration.*\n$/],
    ['a key that is no hexadecimal', ['read', 'x', 'xyz', '--key-hex'], 2, /^seglog: USAGE: .*hexadecimal.*\n$/],
    ['no log', ['ls', '/nonexistent/log'], 3, /^seglog: NOT_FOUND: no log at \/nonexistent\/log \(.*\)\n$/],
    ['a file', ['ls', import.meta.filename], 6, /^seglog: NOT_A_LOG: .*\n$/],
    ['another directory', ['ls', import.meta.dirname], 6, /^seglog: NOT_A_LOG: .*\n$/],
  ];

  test.each(cases)('of %s is one line and an exit code', async (_, args, code, line) => {
    const exit = await runCli(args);
    expect(exit.stdout).toBe('');
    expect(exit.stderr).toMatch(line);
    expect(exit.code).toBe(code);
  });

  const shell = async (command: string) => startChild('bash', ['-c', command]).exit;
  const seglog = `"${process.execPath}" "${CLI_PATH}"`;

  test('of the output is a failure, of help too', async () => {
    const directory = await makeLog();
    for (const command of ['--help', 'ls --help', `ls ${directory}`]) {
      const { code, stderr } = await shell(`${seglog} ${command} > /dev/full`);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^seglog: IO_ERROR: ENOSPC: [^\n]*\n$/)]);
    }
  });

  test('is told although the output fails as well', async () => {
    const directory = await makeDamagedLog();
    for (const sink of ['> /dev/full', '| (exec < /dev/null; sleep 1)']) {
      const { stderr } = await shell(`${seglog} read ${directory} orders ${sink}`);
      expect(stderr).toMatch(/^seglog: CORRUPT: [^\n]*\n$/);
    }
  });

  test('of an argument that is not UTF-8 is told; U+FFFD itself is an argument like any other', async () => {
    const directory = await makeLog();
    expect(await shell(`${seglog} read ${directory} $'k\\xff'`)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^seglog: USAGE: an argument is not UTF-8 \(--key-hex .*\)\n$/),
    });
    expect((await runCli(['read', directory, '\ufffd'])).stderr).toMatch(/^seglog: NOT_FOUND: no stream \ufffd /);
  });

  test('with --json is one object on standard error', async () => {
    const exit = await runCli(['ls', '/nonexistent/log', '--json']);
    expect(exit.code).toBe(3);
    expect(jsonLines(exit.stderr)).toEqual([
      { error: { code: 'NOT_FOUND', message: 'no log at /nonexistent/log', hint: expect.any(String), exitCode: 3 } },
    ]);
  });

  test('shows a stack with SEGLOG_DEBUG only', async () => {
    const args = ['ls', '/nonexistent/log'];
    expect((await runCli(args)).stderr).not.toContain('    at ');
    expect((await runCli(args, '', { SEGLOG_DEBUG: '1' })).stderr).toContain('    at ');
  });

  test('of a log that a writer has open for itself is LOCKED, exit 5', async () => {
    const directory = temporaryDirectory();
    const log = await openTestLog({}, directory);
    await log.append('a', '1');
    const { code, stderr } = await runCli(['ingest', directory, '--key', 'a'], 'x\n');
    expect(code).toBe(5);
    expect(stderr).toMatch(/^seglog: LOCKED: .*pid=\d+, host=.*\(Close the log in the process .*\)\n$/);
  });

  test('of a later format version is FORMAT_UNSUPPORTED, exit 6', async () => {
    const directory = await makeLog();
    for (const name of ['CATALOG', 'CATALOG.copy']) {
      const bytes = readFileSync(join(directory, name));
      bytes.writeUInt32LE(99, 8);
      writeFileSync(join(directory, name), bytes);
    }
    const { code, stderr } = await runCli(['ls', directory]);
    expect(code).toBe(6);
    expect(stderr).toMatch(/^seglog: FORMAT_UNSUPPORTED: .*\n$/);
  });

  test('makes no log', async () => {
    const directory = join(temporaryDirectory(), 'none');
    for (const args of [['ls'], ['info'], ['verify'], ['read', 'k'], ['tail', 'k'], ['hexdump', 'k', '1']]) {
      const [command = '', ...rest] = args;
      expect(await runCli([command, directory, ...rest])).toMatchObject({ code: 3 });
    }
    expect(existsSync(directory)).toBe(false);
  });
});

describe('help', () => {
  test('of the program and of each command ends with an example or the exit codes', async () => {
    const help = await runCli(['--help']);
    expect([help.code, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toContain('Exit codes:');
    expect(help.stdout).toContain('143');
    for (const command of ['ingest', 'ls', 'info', 'read', 'tail', 'verify', 'hexdump']) {
      expect(help.stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
      const one = await runCli([command, '--help']);
      expect([one.code, one.stderr]).toEqual([0, '']);
      expect(one.stdout).toMatch(new RegExp(`\\nExample:\\n  \\$ seglog ${command} .*\\n$`));
    }
  });

  test('names no option that docs/cli.md does not have', async () => {
    const documented = readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8');
    for (const command of ['ingest', 'ls', 'info', 'read', 'tail', 'verify', 'hexdump']) {
      const { stdout } = await runCli([command, '--help']);
      const options = [...stdout.matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm)].map(([, name = '']) => name);
      expect(options).toContain('--json');
      const section = documented.slice(documented.indexOf(`\n## ${command}\n`)).split('\n## ')[1] ?? '';
      for (const option of options.filter((name) => name !== '--help')) {
        expect(section, `${option} of ${command}`).toContain(option);
      }
    }
  });

  test('has the version', async () => {
    const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    const { code, stdout } = await runCli(['--version']);
    expect(code).toBe(0);
    expect(manifest).toMatchObject({ version: stdout.trim(), bin: { seglog: './dist/cli/main.js' } });
  });
});

describe('a terminal', () => {
  const ESCAPE = '\x1b';
  const makeLongKeys = async () => {
    const directory = temporaryDirectory();
    const log = await openLog(directory);
    await log.append('k/'.repeat(60), 'x');
    await log.append('b', 'x');
    await log.close();
    return directory;
  };
  const seglog = `"${process.execPath}" "${CLI_PATH}"`;

  test.each([80, 200])('of %i columns is not exceeded by a table, and gets colours', async (columns) => {
    const { code, text } = await onTerminal(columns, `${seglog} ls ${await makeLongKeys()}`);
    expect(code).toBe(0);
    expect(text).toContain(`${ESCAPE}[1m`);
    const lines = text
      .replaceAll(new RegExp(`${ESCAPE}\\[\\d+m`, 'g'), '')
      .trimEnd()
      .split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    expect(lines[2]?.includes('…')).toBe(columns === 80);
  });

  test('gets no colours with NO_COLOR', async () => {
    const { text } = await onTerminal(80, `NO_COLOR=1 ${seglog} ls ${await makeLongKeys()}`);
    expect(text).not.toContain(ESCAPE);
  });

  test('gets a progress bar; nothing else does', async () => {
    const ingested = join(temporaryDirectory(), 'log');
    const { code, text } = await onTerminal(80, `${seglog} ingest ${ingested} --key k package-lock.json`);
    expect(code).toBe(0);
    expect(text).toMatch(/[█░]+ \d+% \| /);
    const piped = await runCli(['ingest', `${ingested}2`, '--key', 'k', 'package-lock.json']);
    expect([piped.code, piped.stderr]).toEqual([0, '']);
  });
});

describe('hexdump', () => {
  test('shows where a record lies, and its bytes by field', async () => {
    const { code, stdout } = await runCli(['hexdump', await makeLog(), 'orders/eu', '1']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^File {5}shared\/\S+\.seg/m);
    expect(stdout).toMatch(/^ +4096 +4 {2}magic +53474652 +SGFR$/m);
    expect(stdout).toMatch(/^ +4100 +4 {2}checksum .*0x[0-9a-f]{8}, right$/m);
    expect(stdout).toMatch(/^ +4160 +4 {2}checksum .*0x[0-9a-f]{8}, right$/m);
    expect(stdout).toMatch(/^00001000 {2}53 47 46 52 .*\|SGFR/m);
  });

  test('--json has every field and the frame', async () => {
    const { stdout } = await runCli(['hexdump', await makeLog(), 'orders/eu', '2', '--json']);
    expect(jsonLines(stdout)).toMatchObject([
      { key: 'orders/eu', seq: 2, segmentId: expect.any(String), inFile: expect.any(Boolean) },
    ]);
    expect(stdout).toContain('"structure":"record","name":"data"');
  });

  test('of a damaged record shows what is wrong with it: exit 4', async () => {
    const directory = await makeDamagedLog();
    const { code, stdout, stderr } = await runCli(['hexdump', directory, 'orders', '2']);
    expect(code).toBe(4);
    expect(stderr).toMatch(/^seglog: damage: streams\/\S+\.seg at \d+, .*sequence 2\n$/);
    expect(stdout).toMatch(/^Frame {4}at \d+, \d+ bytes; the record at \d+\nDamage {3}record: wrong checksum$/m);
    expect(stdout).toMatch(/^ +\d+ +4 {2}checksum .*0x[0-9a-f]{8}, wrong: 0x[0-9a-f]{8}$/m);
    const json = await runCli(['hexdump', directory, 'orders', '2', '--json']);
    expect(jsonLines(json.stdout)).toMatchObject([
      { seq: 2, recordOffset: expect.any(Number), damage: { firstSeq: 2 } },
    ]);
    expect((await runCli(['hexdump', directory, 'orders', '3'])).code).toBe(0);
  });

  test.each([{}, { sharedStreamBytesMax: 0 }])(
    'of a record in a frame with a damaged header shows it: %j',
    async (options) => {
      const directory = temporaryDirectory();
      const log = await openLog(directory, { destageBytes: 4096, ...options });
      for (let seq = 1; seq <= 9; seq++) await log.append('k', Buffer.alloc(7000, seq));
      await log.seal('k');
      await expect.poll(() => log.stats().pendingBytes).toBe(0);
      await log.close();
      const reader = await openLog(directory, { readOnly: true });
      const place = await reader.stream('k').locate(2);
      await reader.close();
      expect(place?.inFile).toBe(true);
      damage(join(directory, place?.file ?? ''), (place?.frameOffset ?? 0) + 33);
      const { code, stdout } = await runCli(['hexdump', directory, 'k', '2']);
      expect(code).toBe(4);
      expect(stdout).toMatch(
        new RegExp(`^Frame    at ${place?.frameOffset}, 4,096 bytes; its header is damaged$`, 'm'),
      );
      expect(stdout).toMatch(/^Damage {3}frame: wrong checksum$/m);
      expect(stdout).toMatch(/^ +\d+ +4 {2}checksum .*0x[0-9a-f]{8}, wrong: 0x[0-9a-f]{8}$/m);
      expect(stdout).not.toMatch(/^Record$/m);
    },
  );

  test('of a sequence that is not there fails: NOT_FOUND, exit 3', async () => {
    const { code, stderr } = await runCli(['hexdump', await makeLog(), 'orders/eu', '4']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^seglog: NOT_FOUND: no record 4: orders\/eu has the sequences 1 to 3 \(.*\)\n$/);
  });
});

test('importing the package loads nothing of the command line', async () => {
  const exit = await runModule(
    `import { createRequire } from 'node:module';
     await openLog('/nonexistent', { readOnly: true }).catch(() => {});
     const loaded = Object.keys(createRequire(import.meta.url).cache);
     console.log(loaded.filter((path) => /commander|cli-|string-width/.test(path)).length, loaded.length > 0);`,
    [],
  );
  expect(exit).toMatchObject({ code: 0, stdout: '0 true\n' });
});
