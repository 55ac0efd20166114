// SPDX-License-Identifier: MIT
// The examples of docs/cli.md, run in one directory, print what the document shows: word for word but for times,
// rates, commits, ids and checksums.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startChild } from './support/child.js';
import { CLI_PATH } from './support/cli.js';
import { temporaryDirectory } from './support/directory.js';

const DOCUMENT = readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8');
const EXAMPLES = [...DOCUMENT.matchAll(/^```\n\$ (seglog [^\n]+)\n(.*?)^```$/gms)].map(
  ([, command = '', output = '']) => ({ command, output }),
);
const EVENTS = [
  '{"user":{"id":"ada"},"type":"created","amount":12}',
  '{"user":{"id":"bob"},"type":"created","amount":7}',
  '{"user":{"id":"ada"},"type":"paid"}',
  '{"user":{"id":"ada"},"type":"shipped"}',
];

/** Not shown in the document: what else is done in the directory, and that the bad file comes last. */
const isIngest = (command: string) => command.startsWith('seglog ingest ');
const isBad = (command: string) => command.includes('bad.jsonl');
const IN_ORDER = [
  ...EXAMPLES.filter(({ command }) => isIngest(command) && !isBad(command)),
  { command: 'seglog ingest data --key notes/today notes.txt > /dev/null', output: '' },
  ...EXAMPLES.filter(({ command }) => !isIngest(command)),
  ...EXAMPLES.filter(({ command }) => isBad(command)),
];

/** Spaces count as one: columns are as wide as what is masked. */
function masked(output: string): string {
  return (
    output
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/g, 'TIME')
      .replace(/Us":\d+/g, 'Us":N')
      .replace(/[\d,.]+ (records|B|KiB|MiB)\/s/g, 'RATE')
      .replace(/\b[\d.]+ ?(ms|s)\b/g, 'DURATION')
      .replace(/^([0-9a-f]{8}) {2}[0-9a-f ]{47} {2}\|.*\|$/gm, '$1 BYTES')
      .replace(/(checksum +)[0-9a-f]{8}( +)0x[0-9a-f]{8}/g, '$1HEX$2HEX')
      .replace(/(time +)[0-9a-f]{16}/g, '$1HEX')
      // A slow disk gets blocks that only say what is durable, which count.
      .replace(/^Commits .*$/gm, 'Commits')
      .replace(/\b[0-9a-f]{32}\b/g, 'ID')
      .replace(/ +/g, ' ')
      // What one commit takes of a stream is a frame, of 64 bytes besides; a quick log takes less at a time.
      .replace(/^ada 3 (224|288|352) B/gm, 'ada 3 BYTES')
  );
}

test('docs/cli.md has an example of each command', () => {
  const commands = new Set(EXAMPLES.map(({ command }) => command.split(' ')[1]));
  expect([...commands].sort()).toEqual(['hexdump', 'info', 'ingest', 'ls', 'read', 'tail', 'verify']);
});

test('the examples of docs/cli.md print what they show', { timeout: 60_000 }, async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'events.jsonl'), EVENTS.map((line) => `${line}\n`).join(''));
  writeFileSync(join(directory, 'notes.txt'), 'one\n');
  writeFileSync(join(directory, 'bad.jsonl'), '{"id":"a"}\nxx\n');
  for (const { command, output } of IN_ORDER) {
    const run = command.replace(/^seglog/, `"${process.execPath}" "${CLI_PATH}"`);
    const { stdout } = await startChild('sh', ['-c', `cd "${directory}" && ${run} 2>&1`]).exit;
    expect(`${command}\n${masked(stdout)}`).toBe(`${command}\n${masked(output)}`);
  }
});
