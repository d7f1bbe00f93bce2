/** A wall has no voice: from before its start, both sides listen, and hear nothing of its own. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { endChild, type Namespace } from '../../../src/lab/netns.js';
import { Bench, macOf, policy } from '../daemon/bench.js';

const SECONDS = Number(process.env.STEALTH_SECONDS ?? 5);

let bench: Bench;

afterEach(() => bench.close());

/** What arrives at the device of a namespace. */
class Ear {
  readonly heard: string[] = [];
  readonly #child: ChildProcess;

  constructor(at: Namespace) {
    const args = ['tcpdump', '-i', 'e0', '-Q', 'in', '-nn', '-e', '-l', '--immediate-mode'];
    this.#child = at.spawn(args, { stdio: ['ignore', 'pipe', 'ignore'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      if (line !== '') this.heard.push(line);
    });
  }

  close(): Promise<void> {
    return endChild(this.#child, 2000);
  }
}

describe.each(['tc', 'xdp'])('in %s', (attach) => {
  it('a fresh wall says nothing, nor does one that is repaired, restarted and taken down', async () => {
    bench = new Bench(attach);
    await bench.lab.settled();
    // The kernel's own, before there is a wall.
    for (const port of ['up0', 'dn0']) bench.wall.sysctl(`net.ipv6.conf.${port}.disable_ipv6`, 1);
    await setTimeout(1000);
    const ears = [new Ear(bench.client), new Ear(bench.server)];
    const heard = () => ears.map((ear) => ear.heard);
    await setTimeout(500);
    const daemon = await bench.start();
    await setTimeout(SECONDS * 1000);
    expect(heard()).toEqual([[], []]);
    // From now on the ends' own neighbour discovery crosses.
    const ends = [bench.client, bench.server].map((end) => macOf(end));
    await bench.apply(policy([]));
    bench.wall.exec('nft', 'flush', 'ruleset');
    bench.wall.ip('link', 'set', 'dn0', 'nomaster');
    await expect.poll(() => daemon.log, { timeout: 5000 }).toMatch(/it was not in the bridge/);
    await daemon.end('SIGTERM');
    await (await bench.start()).end('SIGTERM');
    expect((await bench.run('--detach')).status).toBe(0);
    await setTimeout(1000);
    const own = (line: string) => !ends.some((mac) => line.includes(` ${mac} > `));
    expect(heard().map((lines) => lines.filter(own))).toEqual([[], []]);
    for (const ear of ears) await ear.close();
  }, 900_000);

  it('the box cannot make itself heard through a port', async () => {
    bench = new Bench(attach);
    await bench.start();
    await bench.apply(policy([]));
    const ear = new Ear(bench.client);
    await setTimeout(500);
    bench.wall.ip('address', 'add', '10.9.0.9/24', 'dev', 'up0');
    await bench.pings('10.9.0.1', 1, bench.wall);
    bench.wall.ip('address', 'flush', 'dev', 'up0');
    bench.wall.ip('address', 'add', '10.9.0.9/24', 'dev', 'br0');
    await bench.pings('10.9.0.1', 1, bench.wall);
    expect(ear.heard.filter((line) => line.includes('10.9.0.9'))).toEqual([]);
    await ear.close();
  });
});
