/** A thousand pings a second through the pair, and what became of them. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'vitest';
import { endChild, type Namespace } from '../../../src/lab/netns.js';

export interface Pulse {
  readonly sent: number;
  readonly received: number;
  readonly duplicates: number;
  /** The longest time between two answers, in milliseconds. */
  readonly longestGapMs: number;
}

class Pinger {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #text = '';

  constructor(from: Namespace, to: string) {
    this.#child = from.spawn(['ping', '-n', '-D', '-i', '0.001', to], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
    });
    this.#ended = once(this.#child, 'close');
  }

  /** Answers so far. */
  get answers(): number {
    return this.#text.split(' bytes from ').length - 1;
  }

  async stop(): Promise<Pulse> {
    this.#child.kill('SIGINT');
    await this.#ended;
    await endChild(this.#child, 1000);
    const times = [...this.#text.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from/gm)].map(([, time]) =>
      Number(time),
    );
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(this.#text) ?? [];
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    return {
      sent: Number(sent),
      received: Number(received),
      duplicates: this.#text.split('DUP!').length - 1,
      longestGapMs: Math.round(Math.max(0, ...gaps) * 1000),
    };
  }
}

/** Pings answer before something happens, and again after it; none is answered twice. Prints what was seen. */
export async function pingDuring(
  from: Namespace,
  to: string,
  what: string,
  work: () => Promise<void>,
  within: { readonly timeout: number; readonly interval: number },
): Promise<Pulse> {
  const pinger = new Pinger(from, to);
  await expect.poll(() => pinger.answers, within).toBeGreaterThan(100);
  await work();
  const after = pinger.answers;
  await expect.poll(() => pinger.answers, within).toBeGreaterThan(after + 200);
  const pulse = await pinger.stop();
  process.stdout.write(
    `  ${what}: ${pulse.sent} pings, ${pulse.received} answered, longest gap ${pulse.longestGapMs} ms\n`,
  );
  expect(pulse.duplicates).toBe(0);
  return pulse;
}
