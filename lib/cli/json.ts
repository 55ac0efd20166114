// SPDX-License-Identifier: MIT
// The objects that --json prints for what several commands print. docs/cli.md lists their fields. Bytes that are no
// UTF-8 are base64, and a field beside them says which it is.

import { isUtf8 } from 'node:buffer';
import type { Damage, Headers, Key, LogRecord } from '../index.js';
import { formatTime } from './units.js';

type Encoding = 'utf8' | 'base64';

export interface JsonKey {
  readonly key: string;
  readonly keyEncoding: Encoding;
}

// In JSON a byte may take six characters, and a string has at most 2^29.
const TEXT_BYTES_MAX = 64 * 2 ** 20;

export function jsonKey(key: Key): JsonKey {
  if (typeof key === 'string') return { key, keyEncoding: 'utf8' };
  return { key: key.toString('base64'), keyEncoding: 'base64' };
}

export function jsonRecord(record: LogRecord): object {
  const { seq, lsn, timeUs, kind, data } = record;
  const dataEncoding: Encoding = data.length <= TEXT_BYTES_MAX && isUtf8(data) ? 'utf8' : 'base64';
  return {
    ...jsonKey(record.key),
    seq,
    lsn,
    time: formatTime(timeUs),
    timeUs,
    kind,
    headers: jsonHeaders(record.headers),
    data: data.toString(dataEncoding),
    dataEncoding,
  };
}

/** A header of bytes is `{ base64 }`. */
function jsonHeaders(headers: Headers): object {
  const entries = Object.entries(headers);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? value : { base64: value.toString('base64') }]),
  );
}

export function jsonDamage(damage: Damage): object {
  const { key, ...rest } = damage;
  return withNulls({ ...rest, ...(key === undefined ? { key: null, keyEncoding: null } : jsonKey(key)) });
}

/** The object with null for what is undefined, so that every field is there. */
export function withNulls(object: object): object {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, value ?? null]));
}
