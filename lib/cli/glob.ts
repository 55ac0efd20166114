// SPDX-License-Identifier: MIT
// Patterns over keys. Keys are no paths, so this is no path matcher: `*` is any run of characters without a slash,
// `**` any run at all, `?` one character that is no slash, `[abc]`, `[a-z]`, `[!a-z]` one character of a set (or not of
// it), `\` takes the next character as it is, in sets too. Every other character stands for itself. Keys that are not
// UTF-8 are matched as they are shown. Pure functions.
//
// All places of the pattern that the key may have reached are followed at once (Thompson, Regular Expression Search
// Algorithm, CACM 11, 1968), so that no pattern takes longer than its length times the key's.

import type { Key } from '../index.js';
import { escapeBytes } from './text.js';

/** What one character of a key, or with `repeats` any number of them, may be. */
interface Step {
  readonly repeats: boolean;
  readonly takes: (character: string) => boolean;
}

/** True where the text has a character that means something in a pattern. */
export function isGlob(text: string): boolean {
  return /[*?[\\]/.test(text);
}

/** Tells whether a key matches the pattern as a whole. Throws RangeError where a range runs backwards. */
export function globMatcher(pattern: string): (key: Key) => boolean {
  const steps = parse(pattern);
  return (key) => matches(steps, typeof key === 'string' ? key : escapeBytes(key));
}

function matches(steps: readonly Step[], text: string): boolean {
  // Steps before which the text may be, without those that a repeated step leads to.
  let reached = new Set([0]);
  for (const character of text) {
    const next = new Set<number>();
    for (const start of reached) {
      // A repeated step may also take nothing.
      for (let at = start; at < steps.length; at++) {
        const step = steps[at];
        if (step?.takes(character)) next.add(step.repeats ? at : at + 1);
        if (!step?.repeats) break;
      }
    }
    if (next.size === 0) return false;
    reached = next;
  }
  for (const start of reached) if (steps.slice(start).every((step) => step.repeats)) return true;
  return false;
}

function parse(pattern: string): Step[] {
  const characters = Array.from(pattern);
  const steps: Step[] = [];
  for (let at = 0; at < characters.length; ) {
    const character = characters[at] ?? '';
    if (character === '*') {
      const begin = at;
      while (characters[at] === '*') at++;
      const isAny = at - begin > 1;
      steps.push({ repeats: true, takes: isAny ? () => true : isNoSlash });
      continue;
    }
    const set = character === '[' ? parseSet(characters, at + 1) : undefined;
    if (set !== undefined) {
      steps.push({ repeats: false, takes: set.takes });
      at = set.end;
      continue;
    }
    // A backslash at the end stands for itself, and so does a bracket that nothing closes.
    const escaped = character === '\\' ? characters[++at] : undefined;
    const literal = escaped ?? character;
    steps.push({ repeats: false, takes: character === '?' ? isNoSlash : (other) => other === literal });
    at++;
  }
  return steps;
}

/** The set that begins behind a bracket, and where the pattern goes on; undefined where nothing closes it. */
function parseSet(
  characters: readonly string[],
  begin: number,
): { readonly takes: Step['takes']; readonly end: number } | undefined {
  const negated = characters[begin] === '!';
  const first = negated ? begin + 1 : begin;
  const ranges: [number, number][] = [];
  let at = first;
  const take = () => (characters[at] === '\\' && at + 1 < characters.length ? characters[++at] : characters[at]) ?? '';
  // A closing bracket in the first place is a member.
  for (; at === first || characters[at] !== ']'; at++) {
    if (at >= characters.length) return undefined;
    const low = codeOf(take());
    let high = low;
    if (characters[at + 1] === '-' && at + 2 < characters.length && characters[at + 2] !== ']') {
      at += 2;
      high = codeOf(take());
    }
    ranges.push([low, high]);
  }
  if (ranges.some(([low, high]) => high < low)) {
    throw new RangeError(`'${characters.join('')}' is no pattern: a range in it runs backwards`);
  }
  const has = (character: string) => {
    const code = codeOf(character);
    return ranges.some(([low, high]) => low <= code && code <= high);
  };
  return { takes: negated ? (character) => isNoSlash(character) && !has(character) : has, end: at + 1 };
}

function isNoSlash(character: string): boolean {
  return character !== '/';
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}
