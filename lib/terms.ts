// SPDX-License-Identifier: MIT
// The terms on which environments of a process share a log, as the addon compares them: text against text.

import type { ResolvedOptions } from './options.js';

/**
 * What environments that share a log have in common, as text: all options but `create`, which is about the directory
 * before, and `preset`, whose values are among the others.
 */
export function termsOf({ create: _, preset: __, ...shared }: ResolvedOptions): string {
  return JSON.stringify(shared);
}

/** The differences between such terms and our options: for each its name, and a text for people. */
export function compareTerms(terms: string, options: ResolvedOptions): { name: string; text: string }[] {
  const theirs = fieldsOf(terms);
  const ours = fieldsOf(termsOf(options));
  const names = new Set([...theirs.keys(), ...ours.keys()]);
  return [...names]
    .filter((name) => theirs.get(name) !== ours.get(name))
    .sort()
    .map((name) => ({ name, text: `${name} is ${theirs.get(name)} there, ${ours.get(name)} here` }));
}

function fieldsOf(terms: string): Map<string, string> {
  const fields: object = JSON.parse(terms);
  return new Map(Object.entries(fields).map(([name, value]) => [name, JSON.stringify(value)]));
}
