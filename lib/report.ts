// SPDX-License-Identifier: MIT
// What opening a log found and did, as data: the native report in the shape that users see.

import { type Key, keyOf } from './key.js';
import type { NativeDamage, NativeRecovery } from './native.js';

/**
 * `new`: there was no log. `clean`: it had been closed. `recovered`: it had not, and nothing lies behind its last
 * commit. `torn-tail`: something that is no whole commit lay there, and was cut off. `corrupt`: acknowledged bytes are
 * damaged; only on errors and with `{ readOnly: true, onCorruption: 'skip' }`.
 */
export type RecoveryStatus = 'new' | 'clean' | 'recovered' | 'torn-tail' | 'corrupt';

/** LSNs from `first` to `last`, both included. */
export interface LsnRange {
  readonly first: number;
  readonly last: number;
}

/** Damage to acknowledged bytes. What is not known is undefined. */
export interface Damage {
  /** The file, relative to the log's directory. */
  readonly file: string;
  /** Where in the file the damage begins, in bytes. */
  readonly offset: number;
  /** How many bytes it concerns. */
  readonly bytes: number;
  /** What is wrong, in words. */
  readonly what: string;
  /** The stream that it concerns. */
  readonly key: Key | undefined;
  readonly firstSeq: number | undefined;
  readonly lastSeq: number | undefined;
  readonly firstLsn: number | undefined;
  readonly lastLsn: number | undefined;
}

/** What lay behind the last whole commit and was cut off. */
export interface TornTail {
  /** The journal file, relative to the log's directory. */
  readonly file: string;
  /** Where in the file the tail begins, in bytes. */
  readonly offset: number;
  readonly bytes: number;
  /** Whole commits behind the cut: never accepted, because what they followed is gone. */
  readonly voidCommits: number;
  readonly voidRecords: number;
  /** LSNs of the records in those commits. */
  readonly voidLsns: LsnRange | undefined;
}

/** Records of one stream, by sequence. */
export interface ReplayedStream {
  readonly key: Key;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/**
 * The wall clock at open against the last log time that was stored, both in microseconds since 1970. `behind`: the clock
 * lies before it. `far-ahead`: more than 31 days after it. In both cases log time goes on from the stored time.
 */
export interface ClockReport {
  readonly status: 'ok' | 'behind' | 'far-ahead';
  readonly wallUs: number;
  readonly storedUs: number;
}

/** What {@link openLog} found and did. */
export interface RecoveryReport {
  readonly status: RecoveryStatus;
  /** How long opening took, in milliseconds. */
  readonly durationMs: number;
  /** Journal files that were live, and the bytes read of them. */
  readonly journalFiles: number;
  readonly journalBytesRead: number;
  readonly streams: number;
  readonly segments: number;
  /** Commits found in the journal above the catalogue's snapshot, and the records in them. */
  readonly commitsAccepted: number;
  readonly recordsReplayed: number;
  /** LSNs of those records, and their sequences by stream (of 1,000 streams at most). */
  readonly replayedLsns: LsnRange | undefined;
  readonly replayed: readonly ReplayedStream[];
  /** Bytes that only the journal holds; they go to their segment files later. */
  readonly pendingBytes: number;
  readonly lastCommit: number;
  /** The highest commit that was known to be durable. */
  readonly durableCommit: number;
  /** The LSN of the last record, 0 where there is none, and the next LSN that will be given out. */
  readonly lastLsn: number;
  readonly nextLsn: number;
  /** True where what was cut off may have been acknowledged: a sync covered it, and nothing proves it. */
  readonly mayHaveBeenAcknowledged: boolean;
  readonly tornTail: TornTail | undefined;
  /** LSNs of unsynced records that may have been given out and are lost. The true range may be shorter. */
  readonly lostLsns: LsnRange | undefined;
  readonly clock: ClockReport;
  readonly damage: readonly Damage[];
  /** What was changed on disk, in words. */
  readonly changes: readonly string[];
  /** How often each row of the recovery table in `docs/durability.md` was met. */
  readonly rows: Readonly<Record<string, number>>;
}

/** The report as users see it, frozen. */
export function toRecoveryReport(native: NativeRecovery): RecoveryReport {
  return deepFreeze({
    status: native.status,
    durationMs: native.durationUs / 1000,
    journalFiles: native.journalFiles,
    journalBytesRead: native.journalBytesRead,
    streams: native.streams,
    segments: native.segments,
    commitsAccepted: native.commitsAccepted,
    recordsReplayed: native.recordsReplayed,
    replayedLsns: lsnRange(native.replayedFirstLsn, native.replayedLastLsn),
    replayed: native.replayed.map((stream) => ({ ...stream, key: keyOf(stream.key) })),
    pendingBytes: native.pendingBytes,
    lastCommit: native.lastCommit,
    durableCommit: native.durableCommit,
    lastLsn: native.lastLsn,
    nextLsn: native.nextLsn,
    mayHaveBeenAcknowledged: native.mayHaveBeenAcknowledged,
    tornTail: tornTail(native),
    lostLsns: lsnRange(native.lostFirstLsn, native.lostLastLsn),
    clock: {
      status: native.clockBehind ? 'behind' : native.clockFarAhead ? 'far-ahead' : 'ok',
      wallUs: native.clockWallUs,
      storedUs: native.clockStoredUs,
    },
    damage: native.damage.map(toDamage),
    changes: native.changes,
    rows: native.rows,
  });
}

/** One damage as users see it, frozen. */
export function toDamage(native: NativeDamage): Damage {
  return Object.freeze({ ...native, key: native.key === undefined ? undefined : keyOf(native.key) });
}

/** Freezes plain data with all that it holds, apart from keys that are bytes: these cannot be frozen. */
function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null && !ArrayBuffer.isView(part)) deepFreeze(part);
  }
  return Object.freeze(value);
}

function tornTail(native: NativeRecovery): TornTail | undefined {
  if (native.tornFile === '') return undefined;
  return {
    file: native.tornFile,
    offset: native.tornOffset,
    bytes: native.tornBytes,
    voidCommits: native.voidCommits,
    voidRecords: native.voidRecords,
    voidLsns: lsnRange(native.voidFirstLsn, native.voidLastLsn),
  };
}

function lsnRange(first: number, last: number): LsnRange | undefined {
  return first === 0 ? undefined : { first, last };
}
