// SPDX-License-Identifier: MIT
// Carries out a plan, one child process after the other, and says what comes out of each.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { formatRate } from './format.mjs';
import { hasLimit, LIMIT_PATH } from './prepare.mjs';

const CHILD_PATH = fileURLToPath(new URL('child.mjs', import.meta.url));
const OUTPUT_BYTES_MAX = 64 * 2 ** 20;
/** A child that takes longer than its seconds and this is ended. */
const SPARE_MS = 120_000;

/** The runs of the plan with their results; one that failed has `failed`, one that cannot be has `notSupported`. */
export async function runPlan(plan, options, scratch) {
  console.error(`${plan.length} runs of ${options.seconds} s, in an order of seed ${options.seed}`);
  // What was not supported once is not tried again.
  const refused = new Map();
  const runs = [];
  for (const [index, step] of plan.entries()) {
    const { workload, payloadBytes, contender, repetition } = step;
    const name = `${workload.name} ${payloadBytes} B ${contender.name}`;
    const result = refused.get(name) ?? (await scratch.withDirectory((directory) => runStep(step, options, directory)));
    if (result.notSupported !== undefined) refused.set(name, result);
    console.error(`[${index + 1}/${plan.length}] ${name}: ${outcomeOf(result)}`);
    const { name: contenderName, ours, program } = contender;
    runs.push({ repetition, workload, payloadBytes, contender: contenderName, ours, isLimit: program, ...result });
  }
  return runs;
}

async function runStep({ workload, payloadBytes, contender, program }, options, directory) {
  const { seconds, bytesMax, timeline } = options;
  const spec = { ...contender, workload, payloadBytes, seconds, bytesMax, timeline, directory };
  if (program === undefined)
    return runChild(process.execPath, ['--expose-gc', CHILD_PATH, JSON.stringify(spec)], seconds);
  if (!hasLimit()) return { notSupported: 'it was not built' };
  return runChild(LIMIT_PATH, [directory, ...program, seconds, bytesMax].map(String), seconds);
}

function runChild(command, args, seconds) {
  const limits = { maxBuffer: OUTPUT_BYTES_MAX, timeout: seconds * 10_000 + SPARE_MS, killSignal: 'SIGKILL' };
  return new Promise((resolve) => {
    const child = execFile(command, args, limits, (error, stdout, stderr) => {
      process.off('exit', end);
      if (error !== null) return resolve({ failed: stderr.trim() || error.message });
      resolve(JSON.parse(stdout.trim().split('\n').at(-1)));
    });
    // It goes before the directory that it writes into.
    const end = () => child.kill('SIGKILL');
    process.prependListener('exit', end);
  });
}

function outcomeOf({ notSupported, failed, records, seconds }) {
  if (notSupported !== undefined) return `not supported: ${notSupported.split('\n')[0]}`;
  if (failed !== undefined) return `FAILED: ${failed}`;
  return `${formatRate(records / seconds)}/s`;
}
