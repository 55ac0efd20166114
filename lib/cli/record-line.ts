// SPDX-License-Identifier: MIT
// A record as people read it: always one line.

import type { Headers, Key, LogRecord } from '../index.js';
import type { Session } from './session.js';
import { cutBytes, cutText, escapeBytes, escapeText, padText, showKey } from './text.js';
import { formatBytes, formatTime } from './units.js';

/** More of a record than this is not shown: --json and --raw give all of it. */
const SHOWN_BYTES_MAX = 16 * 1024;

export interface LineWidths {
  /** Columns of the key; undefined: the key is not shown. */
  readonly key: number | undefined;
  readonly seq: number;
}

/** `[key]  seq  time  {headers}  data`, of which data and headers are escaped. */
export function recordLine(session: Session, record: LogRecord, widths: LineWidths): string {
  const seq = String(record.seq).padStart(widths.seq);
  const time = session.style('dim', formatTime(record.timeUs));
  const { kept, omitted } = cutBytes(record.data, SHOWN_BYTES_MAX);
  const rest = omitted === 0 ? '' : ` … and ${formatBytes(omitted)} more`;
  const key = widths.key === undefined ? [] : [session.style('bold', padKey(record.key, widths.key))];
  const kind = record.kind === 'data' ? [] : [`[${record.kind}]`];
  const headers = headersText(record.headers);
  return [...key, seq, time, ...kind, ...(headers === '' ? [] : [headers]), escapeBytes(kept) + rest].join('  ');
}

function headersText(headers: Headers): string {
  const shown = Object.entries(headers).map(([name, value]) => {
    const text = typeof value === 'string' ? escapeText(value) : escapeBytes(value);
    return `${escapeText(name)}=${text}`;
  });
  return shown.length === 0 ? '' : `{${shown.join(', ')}}`;
}

function padKey(key: Key, columns: number): string {
  return padText(cutText(showKey(key), columns), columns);
}
