/** Ways in which the active node goes, and how it comes back. */
import { type NodeName, otherOf } from './pair-net.js';
import type { Redundant } from './redundant.js';

export interface Failure {
  readonly name: string;
  /** What happens, in words. */
  readonly what: string;
  /** Takes the node away, or has it go. */
  begin(pair: Redundant, node: NodeName): Promise<void>;
  /** Undoes that; null when there is nothing to undo. */
  readonly end: ((pair: Redundant, node: NodeName) => Promise<void>) | null;
}

export const SILENT_DEATH: Failure = {
  name: 'silent death',
  what: 'the active node falls silent, all carriers stay up',
  begin: (pair, node) => pair.net.cutPower(node),
  end: async (pair, node) => {
    await pair.boot?.(node);
    pair.net.restore(node);
  },
};

export const LINK_LOSS: Failure = {
  name: 'link loss',
  what: 'the cable of the active node to one side is pulled',
  begin: async (pair, node) => pair.net.unplug(node, 'uplink'),
  end: async (pair, node) => pair.net.plug(node, 'uplink'),
};

export const PLANNED: Failure = {
  name: 'planned switch',
  what: 'the operator has the standby take over',
  begin: (pair, node) => pair.takeOver(otherOf(node)),
  end: null,
};

export const FAILURES: readonly Failure[] = [SILENT_DEATH, LINK_LOSS, PLANNED];
