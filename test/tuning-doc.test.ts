// SPDX-License-Identifier: MIT
// Compares the tables of docs/tuning.md with lib/options.ts and lib/presets.ts, both ways. The document marks them with
// comments: <!-- options -->, which there are several of, and <!-- presets -->.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { NUMERIC_RULES } from '../lib/options.js';
import { PRESETS } from '../lib/presets.js';
import { openTestLog } from './support/directory.js';

const DOCUMENT = readFileSync(new URL('../docs/tuning.md', import.meta.url), 'utf8');

/** The rows of the tables behind a marker, without the head. */
function rowsOf(marker: string): string[][] {
  const tables = [...DOCUMENT.matchAll(new RegExp(`<!-- ${marker} -->\\n((?:\\|.*\\n)+)`, 'g'))];
  return tables.flatMap(([, table = '']) =>
    table
      .trimEnd()
      .split('\n')
      .slice(2)
      .map((row) =>
        row
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      ),
  );
}

function numberOf(text: string): number {
  const digits = text.replaceAll(',', '');
  if (!/^\d+$/.test(digits)) throw new Error(`Not a number: ${text}`);
  return Number(digits);
}

function nameOf(cell: string): string {
  return cell.replaceAll('`', '');
}

test('the tables of options have each numeric option once, with its default, minimum and maximum', async () => {
  const log = await openTestLog();
  const defaults: Record<string, unknown> = { ...log.options };
  const documented = rowsOf('options').map(([name = '', value = '', range = '']) => {
    const [min = '', max] = range.replace('from ', '').split(' to ');
    return [nameOf(name), numberOf(value), numberOf(min), max === undefined ? undefined : numberOf(max)];
  });
  const expected = Object.entries(NUMERIC_RULES).map(([name, { min, max }]) => [name, defaults[name], min, max]);
  expect(documented.sort()).toEqual(expected.sort());
});

test('the table of presets has what each preset sets, and nothing else', () => {
  const documented: Record<string, Record<string, number>> = { ingest: {}, engine: {}, small: {} };
  for (const [name = '', ...cells] of rowsOf('presets')) {
    for (const [index, preset] of ['ingest', 'engine', 'small'].entries()) {
      const cell = cells[index] ?? '';
      const values = documented[preset];
      if (cell !== '' && values !== undefined) values[nameOf(name)] = numberOf(cell);
    }
  }
  expect(documented).toEqual(PRESETS);
});
