/** What a failover needs to know of two nodes between two switches, whatever it is that runs on them. */
import type { NodeName, PairNet } from './pair-net.js';

export interface Redundant {
  readonly net: PairNet;
  /** Waits until one node carries the traffic and the other one could; resolves to the one that does. */
  settled(withinMs?: number): Promise<NodeName>;
  /** Waits until that node carries the traffic. */
  becomes(node: NodeName, withinMs?: number): Promise<void>;
  /** Has that node carry the traffic, as an operator would. */
  takeOver(node: NodeName): Promise<void>;
  /** Why that node carries the traffic, in words. */
  reason(node: NodeName): Promise<string>;
  /** Starts a node that had no power, before it is heard again. Without it a node was mute, and lived. */
  boot?(node: NodeName): Promise<void>;
}
