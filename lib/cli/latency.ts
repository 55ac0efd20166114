// SPDX-License-Identifier: MIT
// How long many operations took, as counts of durations: recording one costs a few nanoseconds and no memory, which a
// benchmark of a million operations a second needs.

/** Counts are kept to 1/16 µs below 4 µs, and to 1.6 % above, as HdrHistogram does it (http://hdrhistogram.org). */
const UNITS_PER_US = 16;
const SUB_BUCKET_BITS = 6;
const SUB_BUCKETS = 2 ** SUB_BUCKET_BITS;
const UNITS_MAX = 2 ** 31 - 1;

/** Durations of operations, in microseconds up to 134 s; longer ones count as that. */
export class LatencyHistogram {
  readonly #counts = new Float64Array((32 - SUB_BUCKET_BITS) * SUB_BUCKETS);
  #count = 0;
  #maxUs = 0;

  /** How many were recorded. */
  get count(): number {
    return this.#count;
  }

  /** The longest. */
  get maxUs(): number {
    return this.#maxUs;
  }

  /** Counts `times` operations that took so long. */
  record(durationUs: number, times: number = 1): void {
    const units = Math.min(UNITS_MAX, Math.max(0, Math.floor(durationUs * UNITS_PER_US)));
    const bucket = bucketOf(units);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + times;
    this.#count += times;
    if (durationUs > this.#maxUs) this.#maxUs = durationUs;
  }

  /** Adds the counts that `toJSON` of another gave. */
  add(other: { readonly buckets: readonly (readonly [number, number])[]; readonly maxUs: number }): void {
    for (const [bucket, times] of other.buckets) {
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + times;
      this.#count += times;
    }
    this.#maxUs = Math.max(this.#maxUs, other.maxUs);
  }

  /** The duration that this part (0 to 1) of all did not exceed; undefined where nothing was recorded. */
  percentileUs(part: number): number | undefined {
    if (this.#count === 0) return undefined;
    let left = Math.ceil(this.#count * part);
    for (const [bucket, times] of this.#counts.entries()) {
      left -= times;
      if (left <= 0 && times > 0) return Math.min(this.#maxUs, highestUs(bucket));
    }
    return this.#maxUs;
  }

  /** What `add` takes: for another thread or process. */
  toJSON(): { buckets: [number, number][]; maxUs: number } {
    const buckets: [number, number][] = [];
    for (const [bucket, times] of this.#counts.entries()) if (times > 0) buckets.push([bucket, times]);
    return { buckets, maxUs: this.#maxUs };
  }
}

function bucketOf(units: number): number {
  if (units < SUB_BUCKETS) return units;
  const shift = 31 - Math.clz32(units) - SUB_BUCKET_BITS;
  return (shift + 1) * SUB_BUCKETS + (units >>> shift) - SUB_BUCKETS;
}

function highestUs(bucket: number): number {
  if (bucket < SUB_BUCKETS) return (bucket + 1) / UNITS_PER_US;
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1;
  return (((bucket % SUB_BUCKETS) + SUB_BUCKETS + 1) * 2 ** shift) / UNITS_PER_US;
}
