// SPDX-License-Identifier: MIT
// Text for terminals: stored bytes and keys in a form that is one line and that no terminal obeys, and cutting to a
// width in columns. Pure functions.

import { isUtf8 } from 'node:buffer';
import stringWidth from 'string-width';
import type { Key } from '../index.js';

// Controls, separators of lines, and what is invisible or turns the direction of writing.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const NAMED_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Text with everything that a terminal would obey written as `\n`, `\x1b`, `\u{202e}`. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return NAMED_ESCAPES[character] ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`);
  });
}

/** Bytes as text: escaped UTF-8, or, where they are none, ASCII with `\x` and two digits for all other bytes. */
export function escapeBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return escapeText(bytes.toString('utf8'));
  // The backslash as well (0x5c), so that the bytes can be told from the text.
  const other = /[^\x20-\x5b\x5d-\x7e]/g;
  return bytes.toString('latin1').replace(other, (character) => `\\x${hex(character.charCodeAt(0), 2)}`);
}

/** Columns that text takes on a terminal. */
export function textWidth(text: string): number {
  // Most text is ASCII, and the library takes a hundred times as long to find that out.
  return /^[\x20-\x7e]*$/.test(text) ? text.length : stringWidth(text);
}

/** A key as it is shown. Its own backslashes are doubled, so that no two keys look alike. */
export function showKey(key: Key): string {
  return typeof key === 'string' ? escapeText(key.replaceAll('\\', '\\\\')) : escapeBytes(key);
}

/** Columns that a key takes as it is shown. */
export function shownWidth(key: Key): number {
  return textWidth(showKey(key));
}

/** As much of `bytes` as fits in `bytesMax` without cutting a character in two, and how many bytes were left out. */
export function cutBytes(bytes: Buffer, bytesMax: number): { readonly kept: Buffer; readonly omitted: number } {
  if (bytes.length <= bytesMax) return { kept: bytes, omitted: 0 };
  let end = bytesMax;
  // Back to the first byte of a UTF-8 character, which is at most four bytes long.
  while (end > bytesMax - 4 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return { kept: bytes.subarray(0, end), omitted: bytes.length - end };
}

/** Text cut to so many columns, the last of them an ellipsis where something was cut. */
export function cutText(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let kept = '';
  let width = 0;
  for (const character of text) {
    width += textWidth(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Text with spaces behind it up to a width. */
export function padText(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - textWidth(text)));
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
