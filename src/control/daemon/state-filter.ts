/** Which states `states` shows. */
import { formatAddress, type PlanHost, readAddress } from '../policy/index.js';
import { ServiceError, type StateEntry, type StateFilter } from '../service.js';

/**
 * A test of states; every field that is set must match, `address`, `port` and `host` at either end.
 * @throws ServiceError `invalid`, `not-found`
 */
export function stateMatcher(
  filter: StateFilter,
  hosts: readonly PlanHost[],
): (state: StateEntry) => boolean {
  const tests: ((state: StateEntry) => boolean)[] = [];
  const { proto, address, port, host, phase } = filter;
  if (proto !== undefined) tests.push((state) => state.proto === proto);
  if (phase !== undefined) tests.push((state) => state.phase === phase);
  if (port !== undefined) tests.push((state) => state.sport === port || state.dport === port);
  if (address !== undefined) {
    const canonical = canonicalAddress(address);
    tests.push((state) => state.src === canonical || state.dst === canonical);
  }
  if (host !== undefined) {
    const found = hosts.find((each) => each.name === host);
    if (found === undefined) throw new ServiceError('not-found', `there is no host ${host}`);
    const own = new Set(found.addresses);
    tests.push((state) => own.has(state.src) || own.has(state.dst));
  }
  return (state) => tests.every((test) => test(state));
}

function canonicalAddress(text: string): string {
  const address = readAddress(text);
  if (address instanceof Uint8Array) return formatAddress(address);
  throw new ServiceError('invalid', `${address.problem}; ${address.hint}`);
}
