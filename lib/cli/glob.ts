// SPDX-License-Identifier: MIT
// Patterns over keys. Keys are no paths, so this is no path matcher: `*` is any run of characters without a slash,
// `**` any run at all, `?` one character that is no slash, `[abc]`, `[a-z]`, `[!a-z]` one character of a set (or not of
// it), `\` takes the next character as it is. Every other character stands for itself. Keys that are not UTF-8 are matched
// as they are shown. Pure functions.

import type { Key } from '../index.js';
import { escapeBytes } from './text.js';

/** True where the text has a character that means something in a pattern. */
export function isGlob(text: string): boolean {
  return /[*?[\\]/.test(text);
}

/** Tells whether a key matches the pattern as a whole. Throws RangeError where a range runs backwards. */
export function globMatcher(pattern: string): (key: Key) => boolean {
  let source = '';
  let rest = pattern;
  while (rest !== '') {
    const [, token = '', set, escaped] = /^(\*+|\?|\[(!?\]?[^\]]*)\]|\\(.)|.)/su.exec(rest) ?? [];
    source += partOf(token, set, escaped);
    rest = rest.slice(token.length);
  }
  const expression = compile(source, pattern);
  return (key) => expression.test(typeof key === 'string' ? key : escapeBytes(key));
}

function partOf(token: string, set: string | undefined, escaped: string | undefined): string {
  if (token.startsWith('*')) return token.length === 1 ? '[^/]*' : '.*';
  if (token === '?') return '[^/]';
  if (set !== undefined) return setOf(set);
  return literal(escaped ?? token);
}

function setOf(set: string): string {
  const negated = set.startsWith('!');
  const members = (negated ? set.slice(1) : set).replace(/[\\\]^[]/g, '\\$&');
  return negated ? `[^/${members}]` : `[${members}]`;
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function compile(source: string, pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${source})$`, 'su');
  } catch {
    throw new RangeError(`'${pattern}' is no pattern: a range in it runs backwards`);
  }
}
