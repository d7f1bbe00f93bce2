/** The packet path and nf_conntrack, ready to be shown the same frames. */
import { createRequire } from 'node:module';
import * as layouts from '../../../src/generated/layouts.js';
import { known, mail, mail6, stranger, stranger6 } from '../fixtures/actors.js';
import { OPEN } from '../fixtures/policies.js';
import { XdpHook } from '../harness/hooks.js';
import { built } from '../harness/native.js';
import { command, layCables } from '../harness/network.js';
import { planOf } from '../harness/plans.js';
import { TestWall } from '../harness/wall.js';
import type { Batch, Session } from './session.js';

/** Bits of what comes back for every frame; enum passed of native/conntrack.c. */
export const Passed = { OURS: 1, BESIDE: 2, BEHIND: 4, BESIDE_ASKED: 8, BEHIND_ASKED: 16 } as const;

interface NativeConntrack {
  openTun(name: string): number;
  openLog(): number;
  close(descriptor: number): void;
  flush(): void;
  run(setup: Buffer, batch: Buffer, passed: Buffer, differences: Buffer): number;
}

/** A frame on which they differ, and what the packet path knew before it. */
export interface Difference {
  readonly session: Session;
  /** Index of the segment. */
  readonly at: number;
  readonly passed: number;
  /** The same of the segments before. */
  readonly before: Uint8Array;
  /** Why the packet path dropped it; `none` if it did not. */
  readonly reason: string;
  readonly established: layouts.State | undefined;
  readonly pending: layouts.State | undefined;
  /** What conntrack said of the frame, without numbers; '' for nothing. */
  readonly words: { readonly beside: string; readonly behind: string };
}

/** struct difference of native/conntrack.c. */
const DIFFERENCE = {
  ...{ size: 384, verdict: 16, established: 64, pending: 128 },
  ...{ beside: 192, behind: 288, words: 96 },
};
const MOST_FRAMES = 1 << 20;
const MOST_DIFFERENCES = 200_000;
const TABLE = `
table inet strict {
  chain forward {
    type filter hook forward priority 0; policy accept;
    ct state invalid drop
  }
  chain output {
    type filter hook output priority 0; policy drop;
  }
}`;

function nativeConntrack(): NativeConntrack {
  const source = 'test/dataplane/native/conntrack.c';
  return createRequire(import.meta.url)(
    built('build/test/conntrack.node', source, (output) => [
      'clang',
      ...['-O2', '-Wall', '-shared', '-fPIC', '-D_GNU_SOURCE', '-I/usr/include/node'],
      ...['-o', output, source],
    ]),
  ) as NativeConntrack;
}

/** Routes between two tun devices through conntrack at its strictest. */
function routeStrictly(native: NativeConntrack): [number, number] {
  const tuns = ['ct0', 'ct1'] as const;
  const descriptors = tuns.map((name) => native.openTun(name)) as [number, number];
  for (const tun of tuns) {
    command(
      'sysctl',
      '-qw',
      `net.ipv6.conf.${tun}.disable_ipv6=0`,
      `net.ipv4.conf.${tun}.rp_filter=0`,
    );
    command('ip', 'link', 'set', tun, 'addrgenmode', 'none');
    command('ip', 'link', 'set', tun, 'mtu', '2000', 'txqueuelen', '100', 'up');
  }
  command('ip', 'route', 'add', 'default', 'dev', 'ct0');
  command('ip', 'route', 'add', `${mail.ip}/32`, 'dev', 'ct1');
  command('ip', '-6', 'route', 'add', 'default', 'dev', 'ct0');
  command('ip', '-6', 'route', 'add', `${mail6.ip}/128`, 'dev', 'ct1');
  command('nft', TABLE);
  command(
    'sysctl',
    '-qw',
    'net.ipv4.ip_forward=1',
    'net.ipv4.conf.all.rp_filter=0',
    'net.ipv6.conf.all.forwarding=1',
    'net.netfilter.nf_conntrack_tcp_be_liberal=0',
    'net.netfilter.nf_conntrack_tcp_loose=0',
    'net.netfilter.nf_conntrack_checksum=0',
    'net.netfilter.nf_conntrack_log_invalid=6',
    'net.netfilter.nf_log.2=nfnetlink_log',
    'net.netfilter.nf_log.10=nfnetlink_log',
  );
  return descriptors;
}

export class Machines {
  readonly wall: TestWall;
  readonly #native = nativeConntrack();
  readonly #tuns: readonly [number, number];
  readonly #log: number;
  readonly #hook: XdpHook;
  readonly #setup = Buffer.alloc(36);
  readonly #passed = Buffer.alloc(MOST_FRAMES);
  readonly #differences = Buffer.alloc(DIFFERENCE.size * MOST_DIFFERENCES);

  constructor() {
    this.wall = new TestWall(layCables());
    this.#hook = new XdpHook(this.wall);
    this.#tuns = routeStrictly(this.#native);
    this.#log = this.#native.openLog();
    const { wall } = this;
    const numbers = [
      ...this.#tuns,
      ...['xdp_wall', 'explain_wall'].map((name) => wall.program(name).fd),
      ...['established', 'pending'].map((name) => wall.map(name).fd),
      ...[stranger, mail].map(({ port }) => wall.ifindex(port)),
      this.#log,
    ];
    for (const [at, number] of numbers.entries()) this.#setup.writeInt32LE(number, 4 * at);
    this.#forget();
  }

  #forget(): void {
    this.wall.reset({}, planOf(OPEN));
    for (const { port, frame } of known(stranger, mail, stranger6, mail6)) {
      this.#hook.run(port, frame);
    }
    this.#native.flush();
  }

  /**
   * Shows both a batch of sessions that neither knows.
   * @returns what passed, a byte per frame, valid until the next run; and where they differ
   */
  run(batch: Batch): { passed: Buffer; differences: Difference[] } {
    if (batch.frames > MOST_FRAMES) throw new Error('too many frames');
    const count = this.#native.run(this.#setup, batch.bytes, this.#passed, this.#differences);
    this.#forget();
    const differences: Difference[] = [];
    for (let index = 0, session = 0; index < count; index++) {
      const at = index * DIFFERENCE.size;
      const frame = this.#differences.readUInt32LE(at);
      while ((batch.starts[session + 1] ?? Number.POSITIVE_INFINITY) <= frame) session += 1;
      const start = batch.starts[session]!;
      const before = Uint8Array.from(this.#passed.subarray(start, frame));
      differences.push(this.#difference(at, batch.sessions[session]!, before));
    }
    return { passed: this.#passed.subarray(0, batch.frames), differences };
  }

  #difference(offset: number, session: Session, before: Uint8Array): Difference {
    const from = this.#differences;
    const found = from.readUInt32LE(offset + 8);
    const { reason } = layouts.verdict.decode(from, offset + DIFFERENCE.verdict);
    const state = (place: number) => layouts.state.decode(from, offset + place);
    const words = (place: number) => {
      const text = from.toString('latin1', offset + place, offset + place + DIFFERENCE.words);
      return text
        .slice(0, text.indexOf('\0'))
        .replace('nf_ct_proto_6: ', '')
        .replace(/\d+/g, 'N')
        .trim();
    };
    return {
      session,
      at: before.length,
      before,
      passed: from.readUInt32LE(offset + 4),
      reason: this.wall.reasons.get(reason).name,
      established: found & 1 ? state(DIFFERENCE.established) : undefined,
      pending: found & 2 ? state(DIFFERENCE.pending) : undefined,
      words: { beside: words(DIFFERENCE.beside), behind: words(DIFFERENCE.behind) },
    };
  }

  close(): void {
    for (const descriptor of [...this.#tuns, this.#log]) this.#native.close(descriptor);
    this.#hook.close();
    this.wall.close();
  }
}
