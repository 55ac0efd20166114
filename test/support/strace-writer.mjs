// SPDX-License-Identifier: MIT
// Runs under strace: durable appends one after the other, each between two marks that the trace shows. A mark is a
// write to descriptor 3: "append <n>\n" before the call, "acknowledged <n>\n" when its promise has resolved. The log is
// seglog's, or with a fourth argument `js` the one in plain JavaScript.
import { writeSync } from 'node:fs';
import { openJsLog } from '../../bench/js-log/index.mjs';
import { openLog } from '../../dist/index.js';

const [directory, count, options, writer] = process.argv.slice(2);
const log = await (writer === 'js' ? openJsLog : openLog)(directory, JSON.parse(options));
for (let index = 0; index < Number(count); index++) {
  writeSync(3, `append ${index}\n`);
  await log.append(`key ${index % 3}`, Buffer.alloc(1000 + 97 * index, index));
  writeSync(3, `acknowledged ${index}\n`);
}
await log.close();
