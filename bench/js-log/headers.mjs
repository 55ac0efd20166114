// SPDX-License-Identifier: MIT
// User headers as the JavaScript API of the log encodes them.

import { JsLogError } from './files.mjs';
import { putVarint, varintBytes } from './memory.mjs';

const USER_HEADER_BYTES_MAX = 65_536;
const VALUE_BYTES = 0;
const VALUE_STRING = 1;

/** `{ name: string | Uint8Array }`; null where there are none. */
export function encodeUserHeaders(headers) {
  if (headers === undefined) return null;
  const entries = Object.entries(headers).map(([name, value]) => ({
    name: Buffer.from(name),
    value: Buffer.from(value),
    type: typeof value === 'string' ? VALUE_STRING : VALUE_BYTES,
  }));
  if (entries.length === 0) return null;
  let byteCount = varintBytes(entries.length);
  for (const { name, value } of entries) {
    byteCount += varintBytes(name.length) + name.length + 1 + varintBytes(value.length) + value.length;
  }
  if (byteCount > USER_HEADER_BYTES_MAX) throw new JsLogError('TOO_LARGE', `Headers of ${byteCount} bytes`);
  const encoded = Buffer.allocUnsafe(byteCount);
  let at = putVarint(encoded, 0, entries.length);
  for (const { name, value, type } of entries) {
    at = putVarint(encoded, at, name.length);
    at += name.copy(encoded, at);
    encoded[at++] = type;
    at = putVarint(encoded, at, value.length);
    at += value.copy(encoded, at);
  }
  return encoded;
}
