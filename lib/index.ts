// SPDX-License-Identifier: MIT
export { type ErrorCode, type Misuse, SeglogError } from './errors.js';
export type { Headers, HeadersInput } from './headers.js';
export type { LockHolder } from './lock-holder.js';
export type { Log } from './log.js';
export { openLog } from './open.js';
export type { CommitOptions, CreateMode, Durability, OpenOptions, ResolvedOptions, SyncEvery } from './options.js';
export type { Preset } from './presets.js';
export type { LsnReader, RecordBatchReader, RecordReader } from './reader.js';
export type { LogRecord, RecordBatch, RecordKind, RecordLocation } from './record.js';
export type {
  ClockReport,
  Damage,
  LsnRange,
  RecoveryReport,
  RecoveryStatus,
  ReplayedStream,
  TornTail,
} from './report.js';
export type { Stream } from './stream.js';
export type {
  AppendOptions,
  AppendResult,
  BatchOptions,
  BatchRecord,
  BatchResult,
  IngestOptions,
  Key,
  LogReadOptions,
  LogStats,
  ReadOptions,
  RecordChunk,
  StreamBatchRecord,
  StreamInfo,
  SyncAppendOptions,
  SyncBatchOptions,
  WaitOptions,
} from './types.js';
export type { VerifyOptions, VerifyProgress, VerifyReport } from './verify.js';
export type { RecordWritable, RecordWritableOptions } from './writable.js';
