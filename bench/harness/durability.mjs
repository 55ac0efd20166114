// SPDX-License-Identifier: MIT
// Whether a contender is what it says, seen from outside, with strace: the write that carries a record is synced (or is
// a synced write) before the record is acknowledged, in W1 and in W2. One that fails this is not listed.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hexOf, parseTrace, pathOf } from './trace.mjs';

const CHILD_PATH = fileURLToPath(new URL('traced.mjs', import.meta.url));
const CALLS = 'write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,msync,open,openat,openat2,io_uring_enter';
const BYTES_SHOWN = 2 ** 20;

/** For each contender's name `{ isDurable, reason, records, syncs }`. Prints one line each. */
export async function checkContenders(contenders, scratch) {
  const checks = {};
  for (const contender of contenders.filter(({ program }) => !program)) {
    const check = await scratch.withDirectory((directory) => checkOne(contender, directory));
    checks[contender.name] = check;
    console.error(`strace ${contender.name}: ${lineOf(check)}`);
  }
  return checks;
}

async function checkOne({ file, variant }, directory) {
  const output = join(directory, 'trace');
  const data = join(directory, 'data');
  const options = ['-f', '-y', '-xx', '-s', String(BYTES_SHOWN), '-e', `trace=${CALLS}`, '-o', output];
  const spec = JSON.stringify({ file, variant, directory: data });
  const failure = await new Promise((resolve) => {
    execFile('strace', [...options, process.execPath, CHILD_PATH, spec], (error, _, stderr) =>
      resolve(
        error === null ? undefined : error.code === 'ENOENT' ? 'strace is not installed' : stderr || error.message,
      ),
    );
  });
  if (failure !== undefined) return { isDurable: undefined, reason: failure.trim().split('\n').at(-1) };
  return judge(readFileSync(output, 'utf8'), data);
}

/** What a trace of traced.mjs says of the files below `directory`. */
export function judge(text, directory) {
  const calls = parseTrace(text);
  const marks = calls.flatMap((call) => {
    const mark = /^acknowledged (\S+)\n$/.exec(call.name === 'write' ? markText(call) : '')?.[1];
    return mark === undefined ? [] : [{ record: mark, line: call.entered }];
  });
  const ours = calls.filter((call) => pathOf(call.args).startsWith(directory));
  const syncedDescriptors = descriptorsOpenedForSync(calls);
  const writes = ours.filter((call) => /write/.test(call.name) && call.result > 0);
  const syncs = ours.filter((call) => /sync$/.test(call.name) && call.result === 0);
  const isDurable = (write, line) =>
    write.left < line &&
    (/RWF_D?SYNC/.test(write.args) ||
      syncedDescriptors.has(descriptorOf(write.args)) ||
      syncs.some((sync) => sync.entered > write.left && sync.left < line && pathOf(sync.args) === pathOf(write.args)));
  for (const { record, line } of marks) {
    const carrying = writes.filter((write) => write.args.includes(hexOf(record)));
    if (carrying.length === 0) return { isDurable: false, reason: `record ${record} was not seen in any write` };
    if (!carrying.some((write) => isDurable(write, line))) {
      return { isDurable: false, reason: `record ${record} was acknowledged without a sync of its write` };
    }
  }
  if (marks.length === 0) return { isDurable: false, reason: 'nothing was acknowledged' };
  const synced = writes.filter(
    (write) => /RWF_D?SYNC/.test(write.args) || syncedDescriptors.has(descriptorOf(write.args)),
  );
  return { isDurable: true, records: marks.length, syncs: syncs.length + synced.length };
}

function descriptorsOpenedForSync(calls) {
  const open = calls.filter(({ name, args }) => name.startsWith('open') && /O_D?SYNC/.test(args));
  return new Set(open.map(({ descriptor }) => descriptor));
}

// The number and the path: numbers are used again.
function descriptorOf(args) {
  return /^\d+<[^>]*>/.exec(args)?.[0];
}

function markText({ args }) {
  if (pathOf(args) !== '/dev/null') return '';
  const printed = /, "((?:\\x[0-9a-f]{2})*)"/.exec(args)?.[1];
  return printed === undefined ? '' : Buffer.from(printed.replaceAll('\\x', ''), 'hex').toString();
}

function lineOf({ isDurable, reason, records, syncs }) {
  if (isDurable === undefined) return `not checked: ${reason}`;
  if (!isDurable) return `REFUSED: ${reason}`;
  return `${records} records acknowledged after a sync of the write that carries them; ${syncs} syncs and synced writes`;
}
