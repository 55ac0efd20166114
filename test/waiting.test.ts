// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import type { Failure } from '../lib/errors.js';
import { type Waiting, WaitingQueue } from '../lib/waiting.js';

function waiter(name: string, heard: string[], submit: () => boolean | Failure, signal?: AbortSignal): Waiting {
  return {
    submit,
    fail: ({ code }) => heard.push(`${name} ${code}`),
    reject: (error) => heard.push(`${name} ${error}`),
    signal,
  };
}

describe('what waits for room', () => {
  test('is handed over in order, and nobody waits for ever behind one who throws, is refused or was aborted', () => {
    const queue = new WaitingQueue();
    const heard: string[] = [];
    const taken = (name: string) => () => heard.push(name) > 0;
    queue.push(waiter('a', heard, taken('a')));
    queue.push(
      waiter('b', heard, () => {
        throw new RangeError('no memory');
      }),
    );
    const refusal: Failure = { code: 'NO_SPACE', message: '', errno: 0, syscall: '', path: '', detail: '' };
    queue.push(waiter('c', heard, () => refusal));
    queue.push(waiter('d', heard, taken('d'), AbortSignal.abort()));
    queue.push(waiter('e', heard, taken('e')));
    expect(queue.handOver()).toBe(true);
    expect(heard).toEqual(['a', 'b RangeError: no memory', 'c NO_SPACE', 'e']);
    expect(queue.length).toBe(0);
  });

  test('stays where there is no room, however long the queue', () => {
    const queue = new WaitingQueue();
    const heard: string[] = [];
    let room = 10_000;
    for (let index = 0; index < 10_001; index++) queue.push(waiter('x', heard, () => room-- > 0));
    expect(queue.handOver()).toBe(false);
    expect(queue.length).toBe(1);
    room = 1;
    queue.push(waiter('y', heard, () => room-- > 0));
    expect(queue.handOver()).toBe(false);
    expect(queue.length).toBe(1);
    room = 1;
    expect(queue.handOver()).toBe(true);
    expect(heard).toEqual([]);
  });
});
