/** conntrackd on a node of the lab, as its own example for FTFW has it (Debian, conntrack-tools 1.4.7). */
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { endChild, type Lab, LabError, type Namespace } from '../../../src/lab/netns.js';
import { DEVICES, type NodeName, SYNC } from '../../../src/lab/pair/pair-net.js';

const PROGRAM = '/usr/sbin/conntrackd';
const WITHIN_MS = 10_000;
/** It answers nobody while it commits. */
const ORDER_MS = 10_000;

/** The example's settings, but for the limit: twice nf_conntrack_max, as the manual asks. */
function settings(node: NodeName, lock: string, socket: string): string {
  return `Sync {
  Mode FTFW {
  }
  Multicast {
    IPv4_address 225.0.0.50
    Group 3780
    IPv4_interface ${SYNC[node]}
    Interface ${DEVICES.sync}
    SndSocketBuffer 1249280
    RcvSocketBuffer 1249280
    Checksum on
  }
}
General {
  HashSize 32768
  HashLimit 524288
  LogFile off
  LockFile ${lock}
  UNIX {
    Path ${socket}
  }
  NetlinkBufferSize 2097152
  NetlinkBufferSizeMaxGrowth 8388608
  Filter From Userspace {
    Protocol Accept {
      TCP
      SCTP
      DCCP
    }
    Address Ignore {
      IPv4_address 127.0.0.1
      IPv4_address ${SYNC.fw1}
      IPv4_address ${SYNC.fw2}
    }
  }
}
`;
}

export class Conntrackd {
  /** Its command line up to the order, for scripts. */
  readonly command: readonly string[];
  readonly #namespace: Namespace;
  readonly #log: string;
  readonly #lock: string;
  readonly #socket: string;
  #daemon: ChildProcess | null = null;

  /** Writes its configuration; `start` starts it. */
  constructor(lab: Lab, namespace: Namespace, node: NodeName) {
    this.#namespace = namespace;
    this.#log = join(lab.directory, `${node}-conntrackd.log`);
    this.#lock = join(lab.directory, `${node}-conntrackd.lock`);
    this.#socket = join(lab.directory, `${node}-conntrackd.ctl`);
    const config = lab.file(`${node}-conntrackd.conf`, settings(node, this.#lock, this.#socket));
    this.command = [PROGRAM, '-C', config];
  }

  get pid(): number | null {
    return this.#daemon?.pid ?? null;
  }

  /** Resolves once it answers. @throws LabError `COMMAND` with its last words */
  async start(): Promise<void> {
    // One that was killed leaves both.
    rmSync(this.#lock, { force: true });
    rmSync(this.#socket, { force: true });
    const log = openSync(this.#log, 'a');
    this.#daemon = this.#namespace.spawn(this.command, { stdio: ['ignore', log, log] });
    closeSync(log);
    const deadline = Date.now() + WITHIN_MS;
    while (!existsSync(this.#socket) || (await this.order('-s')).status !== 0) {
      if (this.#daemon.exitCode !== null || Date.now() > deadline) {
        throw new LabError('COMMAND', `conntrackd: ${readFileSync(this.#log, 'utf8').trim()}`);
      }
      await pause(50);
    }
  }

  async stop(): Promise<void> {
    if (this.#daemon !== null) await endChild(this.#daemon, 5000);
    this.#daemon = null;
  }

  /** What `conntrackd -c` and its like do. */
  order(...args: string[]) {
    return this.#namespace.run([...this.command, ...args], { timeoutMs: ORDER_MS });
  }

  /** Connections that it knows: of its own kernel, and of the other node. */
  async known(): Promise<{ internal: number; external: number }> {
    const { stdout } = await this.order('-s');
    const of = (cache: string) => {
      const found = new RegExp(`cache ${cache}:\\s+current active connections:\\s+(\\d+)`);
      return Number(found.exec(stdout)?.[1] ?? Number.NaN);
    };
    return { internal: of('internal'), external: of('external') };
  }
}
