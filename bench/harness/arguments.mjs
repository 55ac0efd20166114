// SPDX-License-Identifier: MIT
// The options of `npm run bench`, checked.
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { contendersFor } from './contenders.mjs';
import { PAYLOADS, workloadsNamed } from './workloads.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OPTIONS = {
  workload: { type: 'string' },
  payload: { type: 'string' },
  contender: { type: 'string' },
  repeat: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '2' },
  dir: { type: 'string', default: dirname(ROOT) }, // Beside the repository: /tmp may be memory.
  seed: { type: 'string' },
  json: { type: 'string' },
  'bytes-max': { type: 'string', default: String(4 * 2 ** 30) },
  timeline: { type: 'boolean', default: false },
  unchecked: { type: 'boolean', default: false },
  report: { type: 'boolean', default: false },
  from: { type: 'string' },
};

/** The options, with numbers as numbers. Prints what is wrong and exits where something is. */
export function readArguments(args) {
  try {
    const { values } = parseArgs({ args, options: OPTIONS });
    return {
      workloads: workloadsNamed(values.workload ?? (values.report ? 'all' : 'default')),
      payloads: values.payload?.split(',').map((text) => positive('payload', text, PAYLOADS)),
      contenders: contendersFor(values.contender),
      repeat: positive('repeat', values.repeat),
      seconds: positive('seconds', values.seconds),
      bytesMax: positive('bytes-max', values['bytes-max']),
      seed: values.seed === undefined ? Date.now() % 2 ** 31 : positive('seed', values.seed),
      dir: resolve(values.dir),
      json: values.json,
      timeline: values.timeline,
      unchecked: values.unchecked,
      report: values.report,
      from: values.from,
      command: ['npm run bench', ...(args.length > 0 ? ['--', ...withoutPaths(args)] : [])].join(' '),
    };
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

function positive(name, text, choices) {
  const value = Number(text);
  const isFine = choices === undefined ? value > 0 : choices.includes(value);
  if (isFine) return value;
  throw new RangeError(`Expected ${choices?.join(', ') ?? 'a number above 0'} for --${name} but received ${text}`);
}

// Where somebody's disk is mounted is no part of how to repeat a run.
function withoutPaths(args) {
  const isPath = (index) => ['--dir', '--json', '--from'].includes(args[index]);
  return args.filter((text, index) => !isPath(index) && !isPath(index - 1) && !/^--(dir|json|from)=/.test(text));
}
