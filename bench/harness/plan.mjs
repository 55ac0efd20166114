// SPDX-License-Identifier: MIT
// Which runs there are, in which order: for each repetition, for each workload and payload, the contenders in an order
// that the seed decides.
import { randomIntegers, shuffled } from './payloads.mjs';
import { batchOf } from './workloads.mjs';

const JOURNAL_BYTES_MAX = 1024;

/** The runs: `{ repetition, workload, payloadBytes, contender }`; the limit's have `program`, its arguments. */
export function makePlan({ workloads, payloads, repeat, seed }, contenders) {
  const next = randomIntegers(seed);
  return Array.from({ length: repeat }, (_, repetition) =>
    workloads.flatMap((workload) =>
      workload.payloads
        .filter((payloadBytes) => payloads?.includes(payloadBytes) ?? true)
        .flatMap((payloadBytes) =>
          shuffled(contendersOf(workload, payloadBytes, contenders), next).map((contender) => ({
            repetition,
            workload,
            payloadBytes,
            contender,
            ...(contender.program && { program: limitArguments(workload, payloadBytes, contender) }),
          })),
        ),
    ),
  ).flat();
}

function contendersOf(workload, payloadBytes, contenders) {
  return contenders.filter(({ only, program, variant }) => {
    if (program !== true) return only?.test(workload.name) ?? true;
    if (workload.kind === 'paced' || workload.syncEvery !== undefined) return false;
    return variant === 'first' || blocksOf(workload, payloadBytes) === 'new';
  });
}

// What goes through a journal overwrites blocks that were written before. What goes to segments, which are kept, takes
// new ones; the variant 'recycled' shows what overwriting would give there.
function blocksOf({ name, kind }, payloadBytes) {
  return name !== 'W1' && (kind === 'ingest' || payloadBytes > JOURNAL_BYTES_MAX) ? 'new' : 'recycled';
}

// [blocks, payload bytes, callers, batch], as bench/limit/limit.cc takes them.
function limitArguments(workload, payloadBytes, { variant }) {
  const { kind, callers = 0, threads = 1 } = workload;
  const blocks = variant === 'first' ? blocksOf(workload, payloadBytes) : 'recycled';
  return [blocks, payloadBytes, callers * threads, kind === 'batches' ? batchOf(payloadBytes) : 1];
}
