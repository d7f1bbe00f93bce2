/**
 * Who passes frames, as the packet paths have it: the role words of both nodes, read from where they are
 * pinned a few hundred times a second, so that a daemon which is dead or stopped is no hindrance.
 */
import { join } from 'node:path';
import { BpfMap } from '../../../../native/lib/index.js';
import { PinSet } from '../../../control/dataplane/index.js';
import { RoleFlags } from '../../../generated/layouts.js';
import type { PairNet } from '../pair-net.js';
import { NODES, type NodeName } from '../pair-net.js';

const LOOK_MS = 3;
/** A look that comes so late says nothing of the time before it. */
const BLIND_MS = 30;

/** The longest spells of something that should not last, in milliseconds. */
export interface Spells {
  /** No node was active that frames get through to and back, though there was such a node. */
  readonly nobody: number;
  /** Both were active, and frames got through to both and back. */
  readonly both: number;
}

export class RoleWatch {
  readonly #net: PairNet;
  readonly #maps: Readonly<Record<NodeName, BpfMap>>;
  readonly #timer: NodeJS.Timeout;
  #last = performance.now();
  #now = { nobody: 0, both: 0 };
  #longest = { nobody: 0, both: 0 };

  /** @param directory of the lab, where the nodes' pins are */
  constructor(net: PairNet, directory: string) {
    this.#net = net;
    const open = (node: NodeName) =>
      BpfMap.adopt(new PinSet(join(directory, `${node}-bpf`), node).map('role'));
    this.#maps = { fw1: open('fw1'), fw2: open('fw2') };
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  isActive(node: NodeName): boolean {
    return (this.#maps[node].loadWord(0) & BigInt(RoleFlags.STANDBY)) === 0n;
  }

  /** The longest since this was asked last. */
  take(): Spells {
    const longest = this.#longest;
    this.#longest = { nobody: 0, both: 0 };
    return { nobody: Math.round(longest.nobody), both: Math.round(longest.both) };
  }

  close(): void {
    clearInterval(this.#timer);
    for (const node of NODES) this.#maps[node].close();
  }

  #look(): void {
    const now = performance.now();
    const since = now - this.#last;
    this.#last = now;
    const able = NODES.filter((node) => this.#net.carries(node));
    const active = able.filter((node) => this.isActive(node));
    const add = (spell: keyof Spells, goesOn: boolean) => {
      this.#now[spell] = goesOn ? this.#now[spell] + (since > BLIND_MS ? 0 : since) : 0;
      this.#longest[spell] = Math.max(this.#longest[spell], this.#now[spell]);
    };
    add('nobody', able.length > 0 && active.length === 0);
    add('both', active.length === 2);
  }
}
