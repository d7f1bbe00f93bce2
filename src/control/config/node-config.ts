/** The node file: which bridge, which ports, how to attach, where things are kept. */
import { readFile } from 'node:fs/promises';
import { type ApiConfig, readApi } from './api.js';
import { ConfigError } from './errors.js';
import { type HaConfig, readHa } from './ha.js';
import { Located } from './located.js';
import { readTimeouts, type StateTimeouts } from './timeouts.js';
import { absolutePath, interfaceName, nodeName, ratePerSecond } from './values.js';

export type Side = 'uplink' | 'inside';
export type AttachMode = 'auto' | 'xdp' | 'generic' | 'tc';
export type ReservedAction = 'forward' | 'drop';

export interface PortConfig {
  readonly name: string;
  readonly side: Side;
}

/** What happens to reserved multicast (01:80:c2:00:00:0X), by protocol. */
export interface ReservedConfig {
  /** `kernel`: the kernel bridge takes them, for it runs STP. */
  readonly bpdu: ReservedAction | 'kernel';
  readonly lldp: ReservedAction;
  readonly lacp: ReservedAction;
  readonly eapol: ReservedAction;
}

/** One node, complete: everything the file leaves out has its default. */
export interface NodeConfig {
  readonly node: string;
  readonly bridge: {
    readonly name: string;
    /** In the order of the file, 2 ... 64 of them. */
    readonly ports: readonly PortConfig[];
    /** Whether the kernel bridge runs the spanning tree protocol. */
    readonly stp: 'off' | 'kernel';
    readonly reserved: ReservedConfig;
  };
  readonly attach: AttachMode;
  readonly api: ApiConfig;
  readonly state: {
    /** Entries of the table of established states. */
    readonly max: number;
    /** Do TCP segments out of window pass? */
    readonly liberal: boolean;
    /** Are packets and bytes of every connection counted? */
    readonly counters: boolean;
    readonly timeouts: StateTimeouts;
  };
  /** NFLOG group, and records per second that may go there. */
  readonly log: { readonly group: number; readonly rate: number };
  /** NFQUEUE number of whoever decides about connections with `inspect`. */
  readonly inspect: { readonly queue: number };
  /** null: the node is alone. */
  readonly ha: HaConfig | null;
  /** Directory of the installed policies. */
  readonly store: string;
  /** The bpffs; pins live under the node's name. */
  readonly pins: string;
}

/** MAX_PORTS of bpf/layout.h. */
const MAX_PORTS = 64;
const MAX_STATES = 1 << 26;

/** Reads the node file at `path`. Throws ConfigError. */
export async function loadNodeConfig(path: string): Promise<NodeConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    const what = why === 'ENOENT' ? 'no such file' : `cannot be read (${why})`;
    throw new ConfigError('unreadable', { file: path, line: 1, column: 1 }, what);
  }
  return parseNodeConfig(text, path);
}

/** Parses the text of a node file; `file` is its name in messages. Throws ConfigError. */
export function parseNodeConfig(text: string, file: string): NodeConfig {
  const known = ['node', 'bridge', 'attach', 'api', 'state', 'log', 'inspect', 'ha'];
  const root = Located.parse(text, file).mapping([...known, 'store', 'pins']);
  const node = nodeName(root.require('node', 'node: fw1'));
  const bridge = readBridge(root.require('bridge', 'bridge: {name: br0, ports: [...]}'));
  const api = readApi(root.get('api'), node, file);
  const state = root.get('state')?.mapping(['max', 'liberal', 'counters', 'timeouts']);
  const log = root.get('log')?.mapping(['group', 'rate']);
  const inspect = root.get('inspect')?.mapping(['queue']);
  const rate = log?.get('rate');
  const store = root.get('store');
  const pins = root.get('pins');
  return {
    node,
    bridge,
    attach: root.get('attach')?.oneOf(['auto', 'xdp', 'generic', 'tc']) ?? 'auto',
    api,
    state: {
      max: state?.get('max')?.integer(1, MAX_STATES) ?? 262144,
      liberal: state?.get('liberal')?.boolean() ?? false,
      counters: state?.get('counters')?.boolean() ?? false,
      timeouts: readTimeouts(state?.get('timeouts')),
    },
    // Group 0 is where the kernel sends what it logs on its own account.
    log: {
      group: log?.get('group')?.integer(1, 65535) ?? 5,
      rate: rate ? ratePerSecond(rate) : 100,
    },
    inspect: { queue: inspect?.get('queue')?.integer(0, 65535) ?? 0 },
    ha: readHa(root.get('ha'), node, api),
    store: store ? absolutePath(store) : `/var/lib/bridgewall/${node}`,
    pins: pins ? absolutePath(pins) : '/run/bridgewall/bpf',
  };
}

function readBridge(value: Located): NodeConfig['bridge'] {
  const map = value.mapping(['name', 'ports', 'stp', 'reserved']);
  const name = interfaceName(map.require('name', 'name: br0'));
  const stp = map.get('stp')?.oneOf(['off', 'kernel']) ?? 'off';
  const ports = readPorts(map.require('ports', 'ports: [{name: up0, side: uplink}]'), name);
  return { name, ports, stp, reserved: readReserved(map.get('reserved'), stp === 'kernel') };
}

function readPorts(value: Located, bridge: string): PortConfig[] {
  const items = value.list();
  if (items.length < 2 || items.length > MAX_PORTS) {
    throw value.error(
      'invalid',
      `${value.name} names ${items.length} port${items.length === 1 ? '' : 's'}`,
      `a bridge takes 2 to ${MAX_PORTS}`,
    );
  }
  const seen = new Map<string, Located>();
  return items.map((item) => {
    const map = item.mapping(['name', 'side'], ['mac', 'path', 'hairpin', 'isolated']);
    const at = map.require('name', '{name: up0, side: uplink}');
    const name = interfaceName(at);
    const earlier = seen.get(name);
    if (earlier !== undefined) {
      const line = earlier.position.line;
      throw at.error('duplicate', `port ${name} is named twice`, `first on line ${line}`);
    }
    if (name === bridge) {
      throw at.error('duplicate', `port ${name} has the bridge's own name`, 'rename one of them');
    }
    seen.set(name, at);
    return { name, side: map.require('side', 'side: uplink').oneOf(['uplink', 'inside']) };
  });
}

function readReserved(value: Located | undefined, kernelStp: boolean): ReservedConfig {
  const map = value?.mapping(['bpdu', 'lldp', 'lacp', 'eapol']);
  const action = (key: string, otherwise: ReservedAction): ReservedAction =>
    map?.get(key)?.oneOf(['forward', 'drop']) ?? otherwise;
  const bpdu = map?.get('bpdu');
  if (kernelStp && bpdu !== undefined) {
    throw bpdu.error(
      'invalid',
      `${bpdu.name}: ${action('bpdu', 'forward')} contradicts bridge.stp: kernel`,
      'leave bpdu out: with stp: kernel BPDUs are for the kernel bridge',
    );
  }
  return {
    bpdu: kernelStp ? 'kernel' : action('bpdu', 'forward'),
    lldp: action('lldp', 'drop'),
    lacp: action('lacp', 'drop'),
    eapol: action('eapol', 'drop'),
  };
}
