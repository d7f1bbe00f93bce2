/** `ha` of the node file: the other node of the pair. */
import type { ApiConfig } from './api.js';
import { type Endpoint, peerAddress } from './endpoint.js';
import type { Located } from './located.js';
import { nodeName } from './values.js';

/** The other node. Its name is what its certificate must say, wherever it is found. */
export interface PeerConfig extends Endpoint {
  readonly name: string;
}

export interface HaConfig {
  readonly peer: PeerConfig;
  /** 1 ... 255; the higher one is active when both could be. */
  readonly priority: number;
  /** Does a node of higher priority take over from a healthy one? */
  readonly preempt: boolean;
  /** Who decides on the roles: the nodes, or somebody who calls `bwctl ha takeover` and `yield`. */
  readonly manager: 'internal' | 'external';
}

/** Reads `ha` of the node named `node`. Throws ConfigError. */
export function readHa(value: Located | undefined, node: string, api: ApiConfig): HaConfig | null {
  if (value === undefined) return null;
  const map = value.mapping(['peer', 'priority', 'preempt', 'manager']);
  const example = 'peer: {name: fw2, address: 10.99.0.2:7443}';
  const peer = map.require('peer', example).mapping(['name', 'address']);
  const named = peer.require('name', example);
  const name = nodeName(named);
  if (name.toLowerCase() === node.toLowerCase()) {
    throw named.error('invalid', `${named.name}: ${name} is this node`, 'name the other one');
  }
  const address = peerAddress(peer.require('address', example));
  if (api.listen === null) {
    throw value.error(
      'missing',
      `${value.name} needs api.listen and api.tls`,
      'the nodes speak with each other there',
    );
  }
  return {
    peer: { name, ...address },
    priority: map.get('priority')?.integer(1, 255) ?? 100,
    preempt: map.get('preempt')?.boolean() ?? false,
    manager: map.get('manager')?.oneOf(['internal', 'external']) ?? 'internal',
  };
}
