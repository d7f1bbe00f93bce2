/** Addresses that no host can have: a frame from one of them is martian before any rule is asked. */
import {
  type AddressProblem,
  formatAddress,
  type Prefix,
  prefixHolds,
  readPrefix,
} from './address.js';

const UNUSABLE: readonly (readonly [prefix: Prefix, what: string])[] = [
  ['0.0.0.0/8', 'means this network'],
  ['127.0.0.0/8', 'is a loopback address'],
  ['224.0.0.0/4', 'is a multicast address'],
  ['255.255.255.255/32', 'is the broadcast address'],
  ['240.0.0.0/4', 'is a reserved address'],
  ['::/128', 'is the unspecified address'],
  ['::1/128', 'is the loopback address'],
  ['ff00::/8', 'is a multicast address'],
].map(([text, what]) => [readPrefix(text!) as Prefix, what!]);

/** Why an address can never be the source of a frame; null: it can. */
export function neverSource(address: Uint8Array): AddressProblem | null {
  const found = UNUSABLE.find(([prefix]) => prefixHolds(prefix, address));
  if (found === undefined) return null;
  return {
    problem: `${formatAddress(address)} ${found[1]}, which no host ever sends from`,
    hint: 'write an address of a host, as in 192.0.2.1 or "2001:db8::1"',
  };
}
