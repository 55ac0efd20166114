// SPDX-License-Identifier: MIT
// Tables without lines, as wide as they need to be, or as wide as the terminal: then one column is cut.

import Table from 'cli-table3';
import { cutText, textWidth } from './text.js';

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** The one column that gives way where the table is too wide. */
  readonly cut?: boolean;
}

const GAP = '  ';
/** A column is never cut to less. */
const CUT_COLUMNS_MIN = 8;
/** Further rows are padded here: the library takes all rows at once, and time that grows with their square. */
const LIBRARY_ROWS_MAX = 200;
const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: GAP,
};

/** The table's lines, the first with the titles. `columnsMax` undefined: nothing is cut. */
export function* tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  columnsMax: number | undefined,
): Generator<string, void, void> {
  const titles = columns.map((column) => column.title);
  const limits = columnWidths(columns, rows, columnsMax);
  const options = {
    chars: NO_LINES,
    colAligns: columns.map((column) => column.align),
    colWidths: limits,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  };
  const cut = (row: readonly string[]) => row.map((cell, index) => cutText(cell, limits[index] ?? 0));
  const table = new Table(options);
  for (const row of [titles, ...rows.slice(0, LIBRARY_ROWS_MAX)]) table.push(cut(row));
  for (const line of table.toString().split('\n')) yield line.trimEnd();
  for (let at = LIBRARY_ROWS_MAX; at < rows.length; at++) {
    const cells = cut(rows[at] ?? []).map((cell, index) => {
      const space = ' '.repeat(Math.max(0, (limits[index] ?? 0) - textWidth(cell)));
      return columns[index]?.align === 'right' ? space + cell : cell + space;
    });
    yield cells.join(GAP).trimEnd();
  }
}

function columnWidths(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  columnsMax: number | undefined,
): number[] {
  const widths = columns.map(({ title }) => textWidth(title));
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, textWidth(cell));
  }
  const total = widths.reduce((sum, width) => sum + width, GAP.length * (columns.length - 1));
  const excess = columnsMax === undefined ? 0 : Math.max(0, total - columnsMax);
  return widths.map((width, index) =>
    columns[index]?.cut === true ? Math.max(Math.min(width, CUT_COLUMNS_MIN), width - excess) : width,
  );
}
