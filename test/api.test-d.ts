// SPDX-License-Identifier: MIT
// What the types promise.

import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expectTypeOf, test } from 'vitest';
import {
  type AppendResult,
  type Headers,
  type Key,
  type Log,
  type LogRecord,
  openLog,
  type RecordBatch,
  type RecordWritable,
  type RecoveryStatus,
  type ResolvedOptions,
  type SeglogError,
} from '../lib/index.js';

declare const log: Log;

test('opening and appending', () => {
  expectTypeOf(openLog).returns.resolves.toEqualTypeOf<Log>();
  expectTypeOf(log.append('key', new Uint8Array(1))).resolves.toEqualTypeOf<AppendResult>();
  expectTypeOf(log.ingest).returns.toEqualTypeOf<boolean>();
  expectTypeOf(log.options).toEqualTypeOf<ResolvedOptions>();
  expectTypeOf<ResolvedOptions['segmentBytes']>().toEqualTypeOf<number>();
  expectTypeOf(log.recovery.status).toEqualTypeOf<RecoveryStatus>();
  // @ts-expect-error: numbers are no data
  void log.append('key', 7);
  // @ts-expect-error: an unknown durability
  void log.append('key', 'data', { durability: 'disk' });
  // @ts-expect-error: an unknown option
  void openLog('directory', { segmentByte: 1 });
});

test('writing through a Writable', () => {
  const writable = log.stream('key').writable({ durability: 'os', highWaterMark: 8, defaultEncoding: 'hex' });
  expectTypeOf(writable).toEqualTypeOf<RecordWritable>();
  expectTypeOf(writable).toExtend<Writable>();
  expectTypeOf(pipeline(Readable.from(['a']), writable)).resolves.toBeVoid();
  expectTypeOf(pipeline(log.stream('key').read(), writable)).resolves.toBeVoid();
  expectTypeOf(writable.write('data')).toEqualTypeOf<boolean>();
  writable.write({ data: new Uint8Array(1), headers: { a: 'b' } }, (error) => {
    expectTypeOf(error).toEqualTypeOf<Error | null | undefined>();
  });
  writable.write('6162', 'hex', () => {});
  writable.end({ data: 'last' }, () => {}).end();
  // @ts-expect-error: numbers are no records
  writable.write(7);
  // @ts-expect-error: nor is null
  writable.end(null);
  // @ts-expect-error: a record has data
  writable.write({ headers: {} });
  // @ts-expect-error: an unknown encoding
  writable.write('data', 'utf9');
  // @ts-expect-error: an unknown option
  log.stream('key').writable({ objectMode: false });
});

test('reading', () => {
  expectTypeOf(log.stream('key').get(1)).resolves.toEqualTypeOf<LogRecord | undefined>();
  expectTypeOf(log.stream('key').getRange(1, 2)).resolves.toEqualTypeOf<LogRecord[]>();
  expectTypeOf(log.stream('key').read()).toExtend<AsyncIterable<LogRecord>>();
  expectTypeOf(log.stream('key').readBatches()).toExtend<AsyncIterable<RecordBatch>>();
  expectTypeOf<RecordBatch>().toExtend<Iterable<LogRecord>>();
  expectTypeOf<LogRecord['key']>().toEqualTypeOf<Key>();
  expectTypeOf<LogRecord['data']>().toEqualTypeOf<Buffer>();
  expectTypeOf<LogRecord['headers']>().toEqualTypeOf<Headers>();
});

test('errors have codes of a closed union', () => {
  expectTypeOf<'CORRUPT'>().toExtend<SeglogError['code']>();
  expectTypeOf<string>().not.toExtend<SeglogError['code']>();
});
