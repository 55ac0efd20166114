// SPDX-License-Identifier: MIT
// Numbers, sizes, durations and times: how they are shown, and how durations are given. Pure functions.

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** 1234567 as 1,234,567. */
export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `count` with its noun: "1 record", "2,000 records". */
export function countOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Bytes in the largest binary unit that leaves at least 1: 512 B, 1.5 KiB, 64.0 MiB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  // 1,023.97 KiB would be shown as 1024.0 KiB.
  if (value >= 1023.95 && unit > 0 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** A duration in its two largest units: 850ms, 12s, 3m 5s, 4h 0m, 12d 7h. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 0) return `-${formatDuration(-durationMs)}`;
  if (durationMs < 1000) return `${Math.floor(durationMs)}ms`;
  const seconds = Math.floor(durationMs / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h ${minutes % 60}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** How long something took: 48 ms, 12.3 s. */
export function formatSeconds(seconds: number): string {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}

/** Seconds to the microsecond, for JSON. */
export function roundSeconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}

/** Milliseconds of a duration such as 250ms, 10m, 1h30m or 2d; undefined where it is none. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|[smhdw]))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, number = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g)) {
    totalMs += Number(number) * (DURATION_UNITS_MS[unit] ?? 0);
  }
  return totalMs;
}

/** Milliseconds since 1970 of a date or time in ISO 8601, local time where it has no zone; undefined where it is none. */
export function parseTime(text: string): number | undefined {
  const [, date] = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?$/.exec(text) ?? [];
  if (date === undefined) return undefined;
  // Date.parse goes on into the next month behind the last day of one.
  const dateMs = Date.parse(date);
  if (Number.isNaN(dateMs) || !new Date(dateMs).toISOString().startsWith(date)) return undefined;
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

/** ISO 8601 with all six digits of the microseconds that are stored. */
export function formatTime(timeUs: number): string {
  const milliseconds = Math.floor(timeUs / 1000);
  const micro = String(timeUs - milliseconds * 1000).padStart(3, '0');
  return new Date(milliseconds).toISOString().replace('Z', `${micro}Z`);
}
