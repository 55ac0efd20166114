// SPDX-License-Identifier: MIT
// What failures and misuse look like in JavaScript. The list of codes is the core's
// (native/core/base/error_codes.def); a test compares the two. What to do about each code is written down here, once;
// docs/errors.md has a section for each.

import { type LockHolder, parseLockHolder } from './lock-holder.js';
import type { Damage, RecoveryReport } from './report.js';

/** Every code that an error of this package can have. Codes are part of the API; messages and hints are not. */
export const ERROR_CODES = [
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'EXISTS',
  'NOT_A_LOG',
  'FORMAT_UNSUPPORTED',
  'LOCKED',
  'CORRUPT',
  'IO_ERROR',
  'NO_SPACE',
  'PERMISSION',
  'READ_ONLY',
  'CLOSED',
  'FAILED',
  'QUEUE_FULL',
  'TOO_LARGE',
  'SEQ_CONFLICT',
  'OPTIONS_MISMATCH',
  'UNSUPPORTED',
] as const;

/** One of the codes of `docs/errors.md`. */
export type ErrorCode = (typeof ERROR_CODES)[number];

const HINTS: Readonly<Record<ErrorCode, string>> = {
  INVALID_ARGUMENT: 'Pass what the message says is expected; the call has changed nothing.',
  NOT_FOUND: "Check the path; without readOnly and create: 'never' a log is made where there is none.",
  EXISTS: "Choose another directory, or open the log that is there with create: 'if-missing'.",
  NOT_A_LOG: 'Choose a directory that is empty or holds a log, or take away what the message names.',
  FORMAT_UNSUPPORTED: 'Open the log with the release of seglog that wrote it, or with a later one.',
  LOCKED: 'Close the log in the process that `holder` names, or use the log from there.',
  CORRUPT: "Keep a copy of the directory; read what is sound with readOnly: true, onCorruption: 'skip'.",
  IO_ERROR: 'See `errno` and `syscall`, and what the kernel reports about the device; then try again.',
  NO_SPACE: 'Make room on the disk or raise the quota; an open log then goes on by itself, or at once by resume().',
  PERMISSION: 'Give the user of this process read and write permission for the directory and all that is in it.',
  READ_ONLY:
    'Open without readOnly, on a file system that is mounted writable; to read only, open with readOnly: true.',
  CLOSED: 'Call close() after everything else, or open the log again.',
  FAILED:
    'Close the log, see to what `errno` and `syscall` say, and open it again: that recovers what was acknowledged.',
  QUEUE_FULL: 'Await drain() or earlier appends first, or raise bufferedBytesMax or appendsWaitingMax.',
  TOO_LARGE: 'Append less at a time, or raise recordBytesMax, batchBytesMax or batchRecordsMax.',
  SEQ_CONFLICT: 'Read what was appended meanwhile, and append with `actualSeq` if it is still wanted.',
  OPTIONS_MISMATCH: 'Open the log with the same options everywhere in a process; `differs` names those that are not.',
  UNSUPPORTED: 'Use Linux on x86-64 or arm64; where no binary fits it, build one with npm rebuild seglog.',
};

/** What to do about a code, in one sentence: {@link SeglogError.hint}. */
export function hintOf(code: ErrorCode): string {
  return HINTS[code];
}

/** A failure as it crosses from the addon. `errno` 0 and empty strings: no system call was involved. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path: string;
  /**
   * With LOCKED: the text of the LOCK file; with SEQ_CONFLICT: the actual sequence; with OPTIONS_MISMATCH: the terms of
   * the log that is open.
   */
  readonly detail: string;
}

/** What an error has beside its code and message. */
interface ErrorDetails extends Partial<Failure> {
  readonly report?: RecoveryReport;
  readonly damage?: Damage;
  readonly differs?: readonly string[];
  readonly cause?: unknown;
}

/**
 * An operation failed: the disk, another process or the state of the log is the reason, not the arguments (those
 * throw `TypeError` and `RangeError` with the code INVALID_ARGUMENT). Decide by `code`; messages and hints change.
 */
export class SeglogError extends Error {
  // Fields that a failure does not have are left out, not undefined: Node prints what an error has.
  /** What went wrong. */
  readonly code: ErrorCode;
  /** The operating system's error number, where a system call failed. */
  declare readonly errno: number | undefined;
  /** The system call that failed. */
  declare readonly syscall: string | undefined;
  /** The file or directory concerned; inside the log, relative to its directory. */
  declare readonly path: string | undefined;
  /** With code LOCKED: who has the log open, where the LOCK file says so. */
  declare readonly holder: LockHolder | undefined;
  /** With code SEQ_CONFLICT: the sequence that the record would have got. */
  declare readonly actualSeq: number | undefined;
  /** With code OPTIONS_MISMATCH: the names of the options that are not those of the log that is open. */
  declare readonly differs: readonly string[] | undefined;
  /** What to do, in one sentence. */
  readonly hint: string;
  /** Where in this package the code is explained: `docs/errors.md#…`. */
  readonly docs: string;
  /** With code CORRUPT from {@link openLog}: what was found, and where. */
  declare readonly report: RecoveryReport | undefined;
  /** With code CORRUPT from a read: what the read met, and where. */
  declare readonly damage: Damage | undefined;

  constructor(code: ErrorCode, message: string, details?: ErrorDetails) {
    super(message, details?.cause === undefined ? {} : { cause: details.cause });
    this.code = code;
    if (details?.errno) this.errno = details.errno;
    if (details?.syscall) this.syscall = details.syscall;
    if (details?.path) this.path = details.path;
    const holder = code === 'LOCKED' ? parseLockHolder(details?.detail ?? '') : undefined;
    if (holder !== undefined) this.holder = holder;
    if (code === 'SEQ_CONFLICT') this.actualSeq = Number(details?.detail);
    if (details?.differs !== undefined) this.differs = details.differs;
    this.hint = HINTS[code];
    this.docs = docsOf(code);
    if (details?.report !== undefined) this.report = details.report;
    if (details?.damage !== undefined) this.damage = details.damage;
  }

  /** `'SeglogError'`. */
  override get name(): string {
    return 'SeglogError';
  }
}

/** What the `TypeError`s and `RangeError`s of this package have besides: they are misuse of a call. */
export interface Misuse {
  readonly code: 'INVALID_ARGUMENT';
  readonly hint: string;
  readonly docs: string;
}

/** An argument is of the wrong type. The stack begins with the caller of this function. */
export function typeError(message: string, cause?: unknown): TypeError & Misuse {
  return asMisuse(new TypeError(message, cause === undefined ? undefined : { cause }), typeError);
}

/** An argument is outside its range. The stack begins with the caller of this function. */
export function rangeError(message: string): RangeError & Misuse {
  return asMisuse(new RangeError(message), rangeError);
}

/** A record or a batch is larger than an option allows. */
export function tooLarge(what: string): SeglogError {
  return new SeglogError('TOO_LARGE', `Too large: ${what}`);
}

/** Makes the error of a failure that the addon reported. Call it where the caller is on the stack. */
export function toError(failure: Failure, report?: RecoveryReport): Error {
  if (failure.code === 'INVALID_ARGUMENT') return typeError(failure.message);
  return new SeglogError(failure.code, failure.message, report === undefined ? failure : { ...failure, report });
}

/** As {@link toError}, of a read: where there is damage, the message says where it is and what it concerns. */
export function toReadError(failure: Failure, damage: Damage | undefined): Error {
  if (damage === undefined || damage.file === '') return toError(failure);
  const { file, offset, firstSeq, lastSeq = firstSeq } = damage;
  const sequences =
    firstSeq === undefined ? '' : `, sequence${firstSeq === lastSeq ? '' : 's'} ${rangeOf(firstSeq, lastSeq)}`;
  return new SeglogError(failure.code, `${failure.message}: ${file} at ${offset}${sequences}`, { ...failure, damage });
}

/** The log does not take a call, or an answer will never come, because it is closed. */
export const CLOSED: Failure = {
  code: 'CLOSED',
  message: 'The log is closed',
  errno: 0,
  syscall: '',
  path: '',
  detail: '',
};

/** As {@link toError}, of {@link CLOSED}. */
export function closedError(): Error {
  return toError(CLOSED);
}

/** The log does not take what would change it. */
export function readOnlyError(): SeglogError {
  return new SeglogError('READ_ONLY', 'The log was opened read-only');
}

function rangeOf(first: number, last: number | undefined): string {
  return last === undefined || last === first ? String(first) : `${first} to ${last}`;
}

function docsOf(code: ErrorCode): string {
  return `docs/errors.md#${code.toLowerCase()}`;
}

function asMisuse<E extends Error>(error: E, made: (message: string) => Error): E & Misuse {
  Error.captureStackTrace(error, made);
  const misuse: Misuse = { code: 'INVALID_ARGUMENT', hint: HINTS.INVALID_ARGUMENT, docs: docsOf('INVALID_ARGUMENT') };
  return Object.assign(error, misuse);
}
