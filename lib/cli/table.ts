// SPDX-License-Identifier: MIT
// Tables without lines, as wide as they need to be, or as wide as the terminal: then one column is cut.

import Table from 'cli-table3';
import stringWidth from 'string-width';
import { cutText } from './text.js';

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** The one column that gives way where the table is too wide. */
  readonly cut?: boolean;
}

const GAP = '  ';
/** A column is never cut to less. */
const CUT_COLUMNS_MIN = 8;
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
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  columnsMax: number | undefined,
): string[] {
  const titles = columns.map((column) => column.title);
  const widths = titles.map((title, index) =>
    rows.reduce((widest, row) => Math.max(widest, stringWidth(row[index] ?? '')), stringWidth(title)),
  );
  const total = widths.reduce((sum, width) => sum + width, GAP.length * (columns.length - 1));
  const excess = columnsMax === undefined ? 0 : Math.max(0, total - columnsMax);
  const limits = widths.map((width, index) =>
    columns[index]?.cut === true ? Math.max(Math.min(width, CUT_COLUMNS_MIN), width - excess) : width,
  );
  const table = new Table({
    chars: NO_LINES,
    colAligns: columns.map((column) => column.align),
    colWidths: limits,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of [titles, ...rows]) table.push(row.map((cell, index) => cutText(cell, limits[index] ?? 0)));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}
