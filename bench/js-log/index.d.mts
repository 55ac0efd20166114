// SPDX-License-Identifier: MIT
// What tests and benchmarks see of the log in plain JavaScript.

export interface JsLogOptions {
  readonly segmentBytes?: number;
  readonly journalFirstBytes?: number;
  readonly journalFileBytes?: number;
  readonly journalLiveBytesMax?: number;
  readonly frameBytesMax?: number;
  readonly commitBytesMax?: number;
  readonly bufferedBytesMax?: number;
  readonly destageBytes?: number;
  readonly carryBytesMax?: number;
}

export type Headers = Readonly<Record<string, string | Uint8Array>>;

export interface Place {
  readonly seq: number;
  readonly lsn: number;
}

export interface JsLog {
  readonly durableLsn: number;
  append(key: string, data: string | Uint8Array, headers?: Headers): Promise<Place>;
  appendBatch(
    records: ReadonlyArray<{ readonly key: string; readonly data: string | Uint8Array; readonly headers?: Headers }>,
  ): Promise<Place[]>;
  ingest(key: string, data: string | Uint8Array, headers?: Headers): boolean;
  drain(): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export class JsLogError extends Error {
  readonly code: string;
}

export function openJsLog(directory: string, options?: JsLogOptions): Promise<JsLog>;
