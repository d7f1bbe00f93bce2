/** Ways in which the active node goes, and how it comes back. */
import type { Pair } from './pair.js';
import { type NodeName, otherOf } from './pair-net.js';

export interface Failure {
  readonly name: string;
  /** What happens, in words. */
  readonly what: string;
  /** Takes the node away, or has it go. */
  begin(pair: Pair, node: NodeName): Promise<void>;
  /** Undoes that. */
  end(pair: Pair, node: NodeName): Promise<void>;
}

const DONE = Promise.resolve();

export const SILENT_DEATH: Failure = {
  name: 'silent death',
  what: 'the active node falls silent, all carriers stay up',
  begin: (pair, node) => {
    pair.net.silence(node);
    return DONE;
  },
  end: (pair, node) => {
    pair.net.restore(node);
    return DONE;
  },
};

export const LINK_LOSS: Failure = {
  name: 'link loss',
  what: 'the cable of the active node to one side is pulled',
  begin: (pair, node) => {
    pair.net.unplug(node, 'uplink');
    return DONE;
  },
  end: (pair, node) => {
    pair.net.plug(node, 'uplink');
    return DONE;
  },
};

export const PLANNED: Failure = {
  name: 'planned switch',
  what: '`bwctl ha takeover` on the standby',
  begin: async (pair, node) => {
    await pair.walls[otherOf(node)].run(['ha', 'takeover']);
  },
  end: () => DONE,
};

export const FAILURES: readonly Failure[] = [SILENT_DEATH, LINK_LOSS, PLANNED];
