/** What stands on the two sides of the wall: networks, addresses, services, and the policy over them. */
import type { AttemptSpec, ServiceSpec } from '../../src/lab/agent/protocol.js';

/** One network across the wall: untagged, or with the tags that its frames bear. */
export interface Net {
  readonly name: string;
  /** Device that the two ends have it on. */
  readonly device: string;
  /** Outer tag first, as log records and states show them. */
  readonly vlan: readonly number[];
  readonly client: Pair;
  readonly server: Pair;
  /** A second address of the server's machine, which the policy does not screen. */
  readonly stranger: Pair;
}

/** Addresses of both families. */
export interface Pair {
  readonly v4: string;
  readonly v6: string;
}

function net(number: number, name: string, device: string, vlan: readonly number[]): Net {
  const pair = (host: number): Pair => ({
    v4: `10.61.${number}.${host}`,
    v6: `2001:db8:61:${number}::${host}`,
  });
  return { name, device, vlan, client: pair(1), server: pair(2), stranger: pair(3) };
}

export const UNTAGGED = net(1, 'untagged', 'e0', []);
export const SINGLE = net(2, '802.1Q', 'e0.100', [100]);
/** The card takes 802.1Q tags off, but not 802.1ad ones: here both stay in the frame. */
export const SERVICE_TAGGED = net(3, 'QinQ, 802.1ad outside', 'e0.200', [200, 30]);
/** Here the outer tag comes beside the frame and the inner one in it. */
export const DOUBLE = net(4, 'QinQ, 802.1Q outside', 'e0.300', [300, 31]);
export const NETS = [UNTAGGED, SINGLE, SERVICE_TAGGED, DOUBLE] as const;

/** Served on both sides. */
export const SERVICES: readonly ServiceSpec[] = [
  { transport: 'tcp', port: 80, kind: 'http' },
  { transport: 'tcp', port: 25, kind: 'smtp' },
  { transport: 'tcp', port: 8080, kind: 'line' },
  { transport: 'udp', port: 5000, kind: 'datagram' },
  { transport: 'udp', port: 5001, kind: 'datagram' },
];

/** Port that bulk transfers use. */
export const BULK_PORT = 5201;

/** What may pass, by the wall's policy. */
export const POLICY = `apiVersion: bridgewall/v1
groups:
  local: [10.61.0.0/16, "2001:db8:61::/48"]
hosts:
  server:
    addresses: [${NETS.flatMap(({ server }) => [server.v4, `"${server.v6}"`]).join(', ')}]
    in:
      ping: local
      80/tcp: local
      5000/udp: local
      ${BULK_PORT}/tcp: local
    out:
      8080/tcp: local
`;

/** One attempt over the wall, and what is to become of it. */
export interface Trial {
  readonly what: string;
  /** Who makes it. */
  readonly by: 'client' | 'server';
  readonly spec: AttemptSpec;
  /** Null: it passes. */
  readonly reason: string | null;
}

type Asked = Pick<AttemptSpec, 'transport' | 'kind' | 'port'>;

/** What is tried on every network in both families. */
const ASKED: readonly (Asked & {
  by: Trial['by'];
  to?: 'stranger';
  reason: Trial['reason'];
})[] = [
  { transport: 'ping', kind: 'ping', port: 0, by: 'client', reason: null },
  { transport: 'tcp', kind: 'http', port: 80, by: 'client', reason: null },
  { transport: 'udp', kind: 'datagram', port: 5000, by: 'client', reason: null },
  { transport: 'tcp', kind: 'line', port: 8080, by: 'server', reason: null },
  { transport: 'tcp', kind: 'smtp', port: 25, by: 'client', reason: 'no-in' },
  { transport: 'udp', kind: 'datagram', port: 5001, by: 'client', reason: 'no-in' },
  { transport: 'ping', kind: 'ping', port: 0, by: 'server', reason: 'no-out' },
  { transport: 'udp', kind: 'datagram', port: 5001, by: 'server', reason: 'no-out' },
  {
    transport: 'tcp',
    kind: 'http',
    port: 80,
    by: 'client',
    to: 'stranger',
    reason: 'not-screened',
  },
];

const PASSES_WITHIN_MS = 10_000;
const BLOCKED_AFTER_MS = 2_000;

/** The trials of a network; each call takes source ports of its own, from `firstPort` on. */
export function trials(net: Net, firstPort: number): Trial[] {
  return (['v4', 'v6'] as const).flatMap((family, f) =>
    ASKED.map(({ transport, kind, port, by, to, reason }, i): Trial => {
      const from = by === 'client' ? net.client : net.server;
      const target = to === 'stranger' ? net.stranger : by === 'client' ? net.server : net.client;
      return {
        what: `${by}: ${transport} ${family} ${port || ''} ${to ?? ''}`.trim(),
        by,
        spec: {
          transport,
          kind,
          source: from[family],
          sourcePort: transport === 'ping' ? 0 : firstPort + f * ASKED.length + i,
          destination: target[family],
          port,
          timeoutMs: reason === null ? PASSES_WITHIN_MS : BLOCKED_AFTER_MS,
        },
        reason,
      };
    }),
  );
}
