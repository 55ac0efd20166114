#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// The executable.

import { run } from './program.js';

process.exitCode = await run(process.argv.slice(2));
