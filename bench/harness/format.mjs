// SPDX-License-Identifier: MIT
// Numbers as tables show them.

/** A rate with three digits that count: 12.3 k, 1.23 M. */
export function formatRate(rate) {
  if (rate >= 999_500) return `${digits(rate / 1e6)} M`;
  if (rate >= 999.5) return `${digits(rate / 1e3)} k`;
  return digits(rate);
}

/** Three digits that count, without an exponent. */
export function digits(value) {
  const rounded = Number(value.toPrecision(3));
  const places = Math.max(0, 2 - Math.floor(Math.log10(Math.max(rounded, 1e-3))));
  return rounded.toFixed(Math.min(3, places));
}

/** A value through `format`, or a dash where there is none. */
export function orDash(value, format = digits) {
  return value === undefined || value === null || Number.isNaN(value) ? '–' : format(value);
}

/** Microseconds, as milliseconds from 10 ms on. */
export function formatUs(us) {
  return us >= 10_000 ? `${digits(us / 1000)} ms` : `${digits(us)} µs`;
}

/** 128 B, 1 KiB, 64 KiB. */
export function formatPayload(bytes) {
  return bytes < 1024 ? `${bytes} B` : `${bytes / 1024} KiB`;
}
