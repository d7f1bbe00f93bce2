/** Which rules a policy has: what was counted for others is forgotten when it is installed. */
import type { Peers, Policy, ResolvedNames } from '../ast.js';
import { NO_MEMBERS } from '../opening.js';
import { peersText } from '../peers.js';
import { hashedId, matrixId, pairText } from '../rule-id.js';
import { servicesText } from '../service-reader.js';
import { peersHold } from './judge.js';

/** Ids of all lines that allow something; a line of `matrix` has one for each host and direction. */
export function ruleIds(policy: Policy, names: ResolvedNames): Set<string> {
  const ids = new Set<string>();
  for (const line of policy.lines) {
    const { host, direction, services, peers, log, session, rate, detour } = line;
    const options = { log, session, rate, detour };
    const content = { service: servicesText(services), peers: peersText(peers), ...options };
    ids.add(line.id ?? hashedId({ host, direction, ...content }));
  }
  for (const line of policy.transit) {
    const { services, from, to, log, session, rate, detour } = line;
    const options = { log, session, rate, detour };
    const content = { service: servicesText(services), peers: pairText(from, to), ...options };
    ids.add(line.id ?? hashedId({ host: '', direction: 'transit', ...content }));
  }
  for (const { from, to, services, log, session, rate, detour, id } of policy.matrix) {
    const half = (direction: 'in' | 'out', own: Peers, peers: Peers): void => {
      const options = { log, session, rate, detour };
      const content = { service: servicesText(services), peers: peersText(peers), ...options };
      for (const host of hostsOf(policy, names, own)) {
        ids.add(
          id === null ? hashedId({ host, direction, ...content }) : matrixId(id, direction, host),
        );
      }
    };
    half('out', from, to);
    half('in', to, from);
  }
  return ids;
}

/** Hosts that a side of a matrix line names, or might. */
function hostsOf(policy: Policy, names: ResolvedNames, side: Peers): string[] {
  const world = { policy, names, members: NO_MEMBERS };
  const all = side.some(
    (item) => item.kind === 'group' && policy.groups.get(item.name)!.dynamic?.allowScreened,
  );
  return [...policy.hosts.values()]
    .filter((host) => all || host.addresses.some(({ address }) => peersHold(world, side, address)))
    .map(({ name }) => name);
}
