// SPDX-License-Identifier: MIT
// A batch whose records were checked, on its way to the ring or, where it is too large for that, to a call.

/** A checked batch: for each record its stream's number, headers, data and the bytes that the data takes as UTF-8. */
export interface PackedBatch {
  readonly streams: readonly number[];
  readonly headers: readonly (Uint8Array | undefined)[];
  readonly data: readonly (string | Uint8Array)[];
  readonly dataBytes: readonly number[];
  /** Headers and data of all records. */
  readonly byteCount: number;
}

/** Numbers per record in the layout of {@link flatten}: stream, offset and length of the headers, of the data. */
const LAYOUT_COLUMNS = 5;

/** As the addon's call takes it. */
export function flatten(batch: PackedBatch): { bytes: Uint8Array; layout: Float64Array } {
  const { streams, headers, data, dataBytes, byteCount } = batch;
  const bytes = Buffer.allocUnsafe(byteCount);
  const layout = new Float64Array(streams.length * LAYOUT_COLUMNS);
  let offset = 0;
  for (const [index, stream] of streams.entries()) {
    const header = headers[index];
    const headerBytes = header?.length ?? 0;
    if (header !== undefined) bytes.set(header, offset);
    const one = data[index] ?? '';
    const length = dataBytes[index] ?? 0;
    if (typeof one === 'string') bytes.write(one, offset + headerBytes, 'utf8');
    else bytes.set(one, offset + headerBytes);
    layout.set([stream, offset, headerBytes, offset + headerBytes, length], index * LAYOUT_COLUMNS);
    offset += headerBytes + length;
  }
  return { bytes, layout };
}
