/**
 * The nft rules that keep the wall shut: text only. Frames reach them after the dataplane, which
 * marks what may go on; what bears no mark was never judged and is dropped, twice over:
 *
 * - `netdev` ingress, at the port itself and before any bridge or protocol sees the frame: it holds
 *   for link-local frames that bypass the bridge's hooks, and when a port has left the bridge;
 * - `bridge` prerouting, before the bridge learns from the frame. Here marked frames are logged, and
 *   a denied one ends, so that it is logged once and not once for every flooded port.
 *
 * `forward` guards the ports against frames that came in elsewhere, `input` and `output` the box. What
 * comes back from the detour to be flooded leaves as the box's own (bpf/detour.h).
 */

/** What the rules depend on. */
export interface TableSpec {
  readonly node: string;
  /** Names of the bridge's ports. */
  readonly ports: readonly string[];
  /** Those of them that exist, for a rule at a port takes its device; default: all. */
  readonly present?: readonly string[];
  /** NFLOG group. */
  readonly group: number;
  /** The box may send BPDUs, and nothing else: its bridge runs STP. */
  readonly stp?: boolean;
}

/** `enum mark_bits` of bpf/layout.h: kinds of mark, in the top byte. */
export const Mark = {
  KIND: 0xff000000,
  ACCEPT: 0xb1000000,
  ACCEPT_LOG: 0xb2000000,
  DROP_LOG: 0xb3000000,
  /** A copy went to its port already: this one is only to be logged. */
  SENT_LOG: 0xb4000000,
  /** On the side bridge, and through with what it is there for. */
  DETOUR: 0xb5000000,
  DETOUR_DONE: 0xb6000000,
} as const;

/** Bytes of a frame's payload that a log record carries: the headers, with every option. */
export const LOG_BYTES = 192;
/** Records that the kernel gathers before it sends them, unless their time is up before. */
export const LOG_BATCH = 32;

/** Before the dstnat priority (-300) that other tables use. */
const PREROUTING_PRIORITY = -350;
const INGRESS_PRIORITY = -450;

/** To the bridges' group address: 802.3 by its length field, and the LLC header of STP behind it. */
const OWN_BPDUS =
  '\t\toifname @ports ether daddr 01:80:c2:00:00:00 @ll,96,16 < 0x600 @ll,112,24 0x424203 accept\n';

/** Counters of the tables, by what they count. */
export const CounterName = {
  /** Frames without a verdict: no dataplane was there to give one. */
  UNJUDGED: 'unjudged',
  /** Frames between a port and an interface that is none. */
  STRAYED: 'strayed',
  /** Frames that the bridge would have handed to the box. */
  TO_BOX: 'to_box',
  /** Frames that the box would have sent. */
  FROM_BOX: 'from_box',
} as const;

/** Name of the node's tables, in the families `netdev` and `bridge`. */
export function tableName(node: string): string {
  return `bridgewall_${node.replaceAll('-', '_')}`;
}

/** What log records of the node begin with. */
export function logPrefix(node: string): string {
  return `bridgewall:${node}`;
}

/** Packets that each counter has counted before, by family and name. */
export type CountedBefore = Readonly<Record<'netdev' | 'bridge', Readonly<Record<string, number>>>>;

const NOTHING_COUNTED: CountedBefore = { netdev: {}, bridge: {} };

/**
 * A transaction after which both tables are there as described, whatever was there before.
 *
 * @param before where the counters begin
 */
export function renderTable(spec: TableSpec, before: CountedBefore = NOTHING_COUNTED): string {
  return [
    renderRemoval(spec.node),
    renderIngress(spec, before.netdev),
    renderBridge(spec, before.bridge),
  ].join('');
}

/** A transaction after which neither table is there. */
export function renderRemoval(node: string): string {
  const name = tableName(node);
  // Deleting what is not there is an error, adding what is there is none.
  return ['netdev', 'bridge']
    .map((family) => `add table ${family} ${name}\ndelete table ${family} ${name}\n`)
    .join('');
}

function renderIngress(spec: TableSpec, before: Readonly<Record<string, number>>): string {
  // A chain without a device is refused.
  const { present = spec.ports } = spec;
  if (present.length === 0) return '';
  return `table netdev ${tableName(spec.node)} {
${counter(CounterName.UNJUDGED, before)}
\tchain ingress {
\t\ttype filter hook ingress devices = { ${quoted(present)} } priority ${INGRESS_PRIORITY}; policy drop;
\t\tmeta mark and ${hex(Mark.KIND)} { ${hex(Mark.ACCEPT)}, ${hex(Mark.ACCEPT_LOG)}, ${hex(Mark.DROP_LOG)}, ${hex(Mark.SENT_LOG)} } accept
\t\tcounter name ${CounterName.UNJUDGED} drop
\t}
}
`;
}

function renderBridge(spec: TableSpec, before: Readonly<Record<string, number>>): string {
  const log = `log prefix "${logPrefix(spec.node)}" group ${spec.group} snaplen ${LOG_BYTES} queue-threshold ${LOG_BATCH}`;
  return `table bridge ${tableName(spec.node)} {
\tset ports {
\t\ttype ifname
\t\telements = { ${quoted(spec.ports)} }
\t}

${Object.values(CounterName)
  .map((name) => counter(name, before))
  .join('')}
\tchain accept_logged {
\t\t${log}
\t\taccept
\t}

\tchain drop_logged {
\t\t${log}
\t\tdrop
\t}

\tchain prerouting {
\t\ttype filter hook prerouting priority ${PREROUTING_PRIORITY}; policy accept;
\t\tiifname != @ports accept
\t\tmeta mark and ${hex(Mark.KIND)} vmap { ${hex(Mark.ACCEPT)} : accept, ${hex(Mark.ACCEPT_LOG)} : goto accept_logged, ${hex(Mark.DROP_LOG)} : goto drop_logged, ${hex(Mark.SENT_LOG)} : goto drop_logged }
\t\tcounter name ${CounterName.UNJUDGED} drop
\t}

\tchain forward {
\t\ttype filter hook forward priority ${PREROUTING_PRIORITY}; policy accept;
\t\tiifname @ports oifname @ports meta mark and ${hex(Mark.KIND)} { ${hex(Mark.ACCEPT)}, ${hex(Mark.ACCEPT_LOG)} } accept
\t\tiifname @ports counter name ${CounterName.STRAYED} drop
\t\toifname @ports counter name ${CounterName.STRAYED} drop
\t}

\tchain input {
\t\ttype filter hook input priority ${PREROUTING_PRIORITY}; policy accept;
\t\tiifname @ports counter name ${CounterName.TO_BOX} drop
\t}

\tchain output {
\t\ttype filter hook output priority ${PREROUTING_PRIORITY}; policy accept;
${spec.stp === true ? OWN_BPDUS : ''}\t\toifname @ports meta mark and ${hex(Mark.KIND)} == ${hex(Mark.DETOUR_DONE)} accept
\t\toifname @ports counter name ${CounterName.FROM_BOX} drop
\t}
}
`;
}

function counter(name: string, before: Readonly<Record<string, number>>): string {
  return `\tcounter ${name} {\n\t\tpackets ${before[name] ?? 0} bytes 0\n\t}\n`;
}

function hex(mark: number): string {
  return `0x${mark.toString(16)}`;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
