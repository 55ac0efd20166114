// SPDX-License-Identifier: MIT
// What a run costs its process: processor time of all threads, memory, bytes written to the disk, and how long the event
// loop could not turn. Linux; elsewhere some figures are missing.
import { readFileSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Bytes that the process caused to be written to disks so far; undefined where the system does not say. */
export function bytesWritten() {
  return numberIn('/proc/self/io', /^write_bytes: (\d+)$/m);
}

/** Starts measuring; the function that is returned ends it. */
export function startMeter() {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const rss = process.memoryUsage().rss;
  resetPeak();
  delay.enable();
  const start = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    delay.disable();
    const blockedMs = performance.now() - start;
    return {
      cpuUs: user + system,
      rssGrowthBytes: Math.max(0, (peakBytes() ?? process.memoryUsage().rss) - rss),
      // Where the loop never turned, it was blocked from beginning to end.
      loopDelayP99Ms: delay.count > 0 ? delay.percentile(99) / 1e6 : blockedMs,
    };
  };
}

function resetPeak() {
  try {
    writeFileSync('/proc/self/clear_refs', '5'); // proc(5): resets VmHWM
  } catch {
    // The peak since the process began is then what counts.
  }
}

function peakBytes() {
  const kib = numberIn('/proc/self/status', /^VmHWM:\s+(\d+) kB$/m);
  return kib === undefined ? undefined : kib * 1024;
}

function numberIn(path, pattern) {
  try {
    const found = pattern.exec(readFileSync(path, 'utf8'))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
