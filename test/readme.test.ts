// SPDX-License-Identifier: MIT
// The examples of the README run, and print what their "// →" says.

import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runModule } from './support/child.js';
import { temporaryDirectory } from './support/directory.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const examples = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map((match) => match[1] ?? '');

test('the README has examples', () => {
  expect(examples.length).toBeGreaterThanOrEqual(3);
});

test.each(examples)('example %# of the README prints what it says', async (example) => {
  const expected = [...example.matchAll(/\/\/ → (.*)$/gm)].map((match) => match[1]);
  expect(expected.length).toBeGreaterThan(0);
  const source = example.replace("import { openLog } from 'seglog';\n", 'process.chdir(process.argv[1]);\n');
  expect(source).not.toContain('import ');
  const exit = await runModule(source, [temporaryDirectory()]);
  expect(exit).toMatchObject({ code: 0, stderr: '' });
  expect(exit.stdout.trimEnd().split('\n')).toEqual(expected);
});

test('the README is at most 150 lines long, and its links to files resolve', () => {
  expect(readme.split('\n').length).toBeLessThanOrEqual(151);
  const links = [...readme.matchAll(/\]\(((?!https?:)[^)#]+)/g)].map((match) => match[1] ?? '');
  expect(links.length).toBeGreaterThan(0);
  for (const link of links) expect([link, existsSync(new URL(`../${link}`, import.meta.url))]).toEqual([link, true]);
});
