/** Addresses with a port, as `api.listen` and `ha.peer.address` name them. */
import { isIP } from 'node:net';
import type { Located } from './located.js';

/** Where somebody listens; `host` is an address without brackets or, for a peer, a DNS name. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const DNS_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
/** What is made of digits and dots alone is meant as an address. */
const NUMBERS = /^[0-9.]+$/;
const ENDPOINT = /^(?:\[([^[\]]+)\]|([^:[\]]+)):([1-9][0-9]{0,4})$/;

/** Whether a text is a host's name: labels of letters, digits and inner dashes. */
export function isDnsName(text: string): boolean {
  return DNS_NAME.test(text) && !NUMBERS.test(text);
}

/** `10.99.0.1:7443` or `[fd00::1]:7443`: an address of this machine. */
export function listenAddress(value: Located): Endpoint {
  const found = split(value, '10.99.0.1:7443 or [fd00::1]:7443');
  if (isIP(found.host) === 0) {
    throw value.error(
      'invalid',
      `${value.name}: ${JSON.stringify(found.host)} is no IP address`,
      'one of this machine, for example 10.99.0.1:7443',
    );
  }
  return found;
}

/** The same, or a DNS name: where the peer is to be found. */
export function peerAddress(value: Located): Endpoint {
  const found = split(value, '10.99.0.2:7443 or fw2.example.org:7443');
  const { host } = found;
  if (isIP(host) === 0 && !isDnsName(host)) {
    throw value.error(
      'invalid',
      `${value.name}: ${JSON.stringify(host)} is no address and no DNS name`,
      'for example 10.99.0.2:7443',
    );
  }
  return found;
}

/** An endpoint as people write it: `10.99.0.1:7443`, `[fd00::1]:7443`. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

function split(value: Located, example: string): Endpoint {
  const [, bracketed, plain, digits] = ENDPOINT.exec(value.string()) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || (bracketed !== undefined && isIP(bracketed) !== 6)) {
    throw value.error('invalid', `${value.name} is no ADDRESS:PORT`, `for example ${example}`);
  }
  if (port > 65535) {
    throw value.error('invalid', `${value.name}: port ${port} is above 65535`);
  }
  return { host, port };
}
