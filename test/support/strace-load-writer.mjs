// SPDX-License-Identifier: MIT
// Runs under strace: rounds of durable appends, of which as many are in flight as a round has. Marks are writes to
// descriptor 3: "begin\n" when the log is open, "acknowledged <lsn>\n" when an append is, "end\n" before the log is
// closed. With `here` each append is an appendSync.
import { writeSync } from 'node:fs';
import { openLog } from '../../dist/index.js';

const [directory, roundsText, inFlightText, keysText, how, optionsText] = process.argv.slice(2);
const [rounds, inFlight, keys] = [roundsText, inFlightText, keysText].map(Number);
const log = await openLog(directory, JSON.parse(optionsText));
let appended = 0;
writeSync(3, 'begin\n');
for (let round = 0; round < rounds; round++) {
  const appends = [];
  for (let i = 0; i < inFlight; i++) {
    const key = `key ${appended++ % keys}`;
    if (how === 'here') acknowledged(log.appendSync(key, Buffer.alloc(100, i)));
    else appends.push(log.append(key, Buffer.alloc(100, i)).then(acknowledged));
  }
  await Promise.all(appends);
}
writeSync(3, 'end\n');
await log.close();

function acknowledged({ lsn }) {
  writeSync(3, `acknowledged ${lsn}\n`);
}
