// SPDX-License-Identifier: MIT
// Loaded before a program to make it believe that it runs on Windows.
Object.defineProperty(process, 'platform', { value: 'win32' });
