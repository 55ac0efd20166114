// SPDX-License-Identifier: MIT
// Checks each contender with strace, as `npm run bench` does before it runs one: is the write that carries a record synced
// before the record is acknowledged? A contender that never syncs is the control, and has to be refused.
//
//   node bench/strace-peers.mjs [--contender seglog,lmdb] [--dir WHERE]
import { parseArgs } from 'node:util';
import { contendersFor } from './harness/contenders.mjs';
import { checkContenders } from './harness/durability.mjs';
import { withScratch } from './harness/scratch.mjs';

const { values } = parseArgs({
  options: { contender: { type: 'string' }, dir: { type: 'string', default: process.cwd() } },
});
const control = { name: 'control', file: 'fs-group', variant: 'unsynced' };

const checks = await withScratch(values.dir, (scratch) =>
  checkContenders([...contendersFor(values.contender), control], scratch),
);
const { control: ofControl, ...others } = checks;
const hasFound = ofControl.isDurable === false;
if (!hasFound) console.error('The check is of no use: it does not see that the control never syncs');
const refused = Object.values(others).filter(({ isDurable }) => isDurable === false);
process.exitCode = hasFound && refused.length === 0 ? 0 : 1;
