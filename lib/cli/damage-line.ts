// SPDX-License-Identifier: MIT
// Damage as people read it: always one line.

import type { Damage } from '../index.js';
import { escapeText, showKey } from './text.js';
import { formatBytes } from './units.js';

/** One line that says where the damage is, what it is and whom it concerns. */
export function damageLine(damage: Damage): string {
  const place = `${escapeText(damage.file)} at ${damage.offset}, ${formatBytes(damage.bytes)}: ${escapeText(damage.what)}`;
  const concerned = [
    ...(damage.key === undefined ? [] : [`stream ${showKey(damage.key)}`]),
    ...rangeText('sequence', damage.firstSeq, damage.lastSeq),
    ...rangeText('LSN', damage.firstLsn, damage.lastLsn),
  ];
  return concerned.length === 0 ? place : `${place}; ${concerned.join(', ')}`;
}

/** Each damage once: one place may be met by opening and by several reads. */
export function distinct(damage: readonly Damage[]): Damage[] {
  return [...new Map(damage.map((one) => [`${one.file}:${one.offset}:${one.key}`, one])).values()];
}

function rangeText(noun: string, first: number | undefined, last: number | undefined): string[] {
  if (first === undefined) return [];
  return last === undefined || last === first ? [`${noun} ${first}`] : [`${noun}s ${first} to ${last}`];
}
