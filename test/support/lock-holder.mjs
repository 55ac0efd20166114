// SPDX-License-Identifier: MIT
// Opens a log, appends a record, says so on descriptor 3, and stays.
import { writeSync } from 'node:fs';
import { openLog } from '../../dist/index.js';

const log = await openLog(process.argv[2]);
await log.append('key', 'data');
writeSync(3, 'open');
setInterval(() => {}, 1000);
