// SPDX-License-Identifier: MIT
// Runs under strace: W1 and W2 in small, with records that are found again in the trace, and a mark, a write to
// /dev/null, when each is acknowledged. The directory of its files is given.
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { NotSupported } from './not-supported.mjs';

const ALONE = 10;
const ROUNDS = 4;
const IN_FLIGHT = 256;
const PAYLOAD_BYTES = 128;

const { file, variant, directory } = JSON.parse(process.argv[2]);
const marks = openSync('/dev/null', 'w');
const peer = await import(`../peers/${file}.mjs`);
mkdirSync(directory);
const contender = await openOrEnd();

async function append(name) {
  const data = Buffer.alloc(PAYLOAD_BYTES, '.');
  data.write(name);
  await contender.append('stream', data);
  writeSync(marks, `acknowledged ${name}\n`);
}

for (let index = 0; index < ALONE; index++) await append(`<alone-${index}>`);
for (let round = 0; round < ROUNDS; round++) {
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, index) => append(`<round-${round}-${index}>`)));
}
await contender.close();
closeSync(marks);
process.exit(0);

async function openOrEnd() {
  try {
    return await peer.open(directory, { variant, keys: 1, threads: 1 });
  } catch (error) {
    if (!(error instanceof NotSupported)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
