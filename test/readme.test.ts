// SPDX-License-Identifier: MIT
// The examples of the README and of the documents run, and print what their "// →" says.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runModule } from './support/child.js';
import { temporaryDirectory } from './support/directory.js';

const ROOT = new URL('../', import.meta.url);
const documents = readdirSync(new URL('docs/', ROOT)).filter((name) => name.endsWith('.md'));
const texts = new Map(
  ['README.md', ...documents.map((name) => `docs/${name}`)].map((path) => [
    path,
    readFileSync(new URL(path, ROOT), 'utf8'),
  ]),
);

function examplesOf(path: string): string[] {
  return [...(texts.get(path) ?? '').matchAll(/^```js\n(.*?)^```$/gms)].map((match) => match[1] ?? '');
}

test('the README has examples, and so has docs/tuning.md', () => {
  expect(examplesOf('README.md').length).toBeGreaterThanOrEqual(3);
  expect(examplesOf('docs/tuning.md').length).toBeGreaterThanOrEqual(1);
});

describe.each([...texts.keys()].filter((path) => examplesOf(path).length > 0))('%s', (path) => {
  test.each(examplesOf(path))('example %# prints what it says', async (example) => {
    const expected = [...example.matchAll(/\/\/ → (.*)$/gm)].map((match) => match[1]);
    expect(expected.length).toBeGreaterThan(0);
    const source = example.replace("import { openLog } from 'seglog';\n", 'process.chdir(process.argv[1]);\n');
    expect(source).not.toContain('import ');
    const exit = await runModule(source, [temporaryDirectory()]);
    expect(exit).toMatchObject({ code: 0, stderr: '' });
    expect(exit.stdout.trimEnd().split('\n')).toEqual(expected);
  });
});

test('the README is at most 150 lines long', () => {
  expect(texts.get('README.md')?.split('\n').length).toBeLessThanOrEqual(151);
});

test.each([...texts])('the links of %s to files resolve', (path, text) => {
  const links = [...text.matchAll(/\]\(((?!https?:)[^)#]+)/g)].map((match) => match[1] ?? '');
  for (const link of links) {
    expect([link, existsSync(new URL(link, new URL(path, ROOT)))]).toEqual([link, true]);
  }
});
