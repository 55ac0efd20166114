// SPDX-License-Identifier: MIT
import * as seglog from 'seglog';
import { useLog } from './use-log.cjs';

await useLog(seglog, process.argv[2]);
