/** Arguments as people type them. Names and addresses are left to the node, which knows the policy. */
import { durationSeconds } from '../control/duration.js';
import type { ExplainQuery } from '../control/service.js';
import { CommandError } from './errors.js';

/** An address or host name, and a port when there was one. */
export interface Endpoint {
  host: string;
  port: number | null;
}

const PORT_PROTOCOLS = new Set(['tcp', 'udp', 'sctp']);
const ICMP_PROTOCOLS = new Set(['icmp', 'icmp6']);

/** Source port of a packet to explain when none is given: any client's would do. */
const CLIENT_PORT = 40000;

const MOST_VLAN = 4094;

/** `HOST`, `HOST:PORT`, `V6`, `[V6]`, `[V6]:PORT`. */
export function parseEndpoint(text: string): Endpoint {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) {
    const [, host = '', port] = bracketed;
    if (!host.includes(':')) throw usage(`${text}: only IPv6 addresses go in brackets`);
    return { host, port: port === undefined ? null : parsePort(port, text) };
  }
  const colon = text.indexOf(':');
  if (colon === -1 || text.includes(':', colon + 1)) return { host: named(text, text), port: null };
  const port = parsePort(text.slice(colon + 1), text);
  return { host: named(text.slice(0, colon), text), port };
}

function named(host: string, text: string): string {
  if (host === '' || /\s/.test(host)) throw usage(`"${text}": expected HOST or HOST:PORT`);
  return host;
}

/** A port by its number. @param context the word it stands in */
export function parsePort(text: string, context: string): number {
  const port = parseNumber(text, 65535);
  if (port === null) throw usage(`${context}: "${text}" is no port; ports go from 0 to 65535`);
  return port;
}

/** A plain decimal number up to `most`, or null. */
export function parseNumber(text: string, most: number): number | null {
  if (!/^(0|[1-9][0-9]*)$/.test(text)) return null;
  const value = Number(text);
  return value <= most ? value : null;
}

/** The question behind `explain PROTO SRC[:PORT] DST[:PORT] [TYPE]`. */
export function parseExplain(
  protocolText: string,
  sourceText: string,
  destinationText: string,
  typeText: string | undefined,
  port = '',
  vlan = '',
): ExplainQuery {
  const protocol = parseProtocol(protocolText);
  const source = parseEndpoint(sourceText);
  const destination = parseEndpoint(destinationText);
  if (PORT_PROTOCOLS.has(protocol)) {
    if (typeText !== undefined) throw usage(`${protocol} has no message type: "${typeText}"`);
    if (destination.port === null) {
      throw usage(
        `${destinationText}: ${protocol} needs a destination port, as in ${example(destination.host)}`,
      );
    }
  } else {
    for (const [text, end] of [
      [sourceText, source],
      [destinationText, destination],
    ] as const) {
      if (end.port !== null) throw usage(`${text}: ${protocol} has no ports`);
    }
    if (typeText !== undefined && !ICMP_PROTOCOLS.has(protocol)) {
      throw usage(`protocol ${protocol} has no message type: "${typeText}"`);
    }
  }
  return {
    protocol,
    source: source.host,
    sourcePort: PORT_PROTOCOLS.has(protocol) ? (source.port ?? CLIENT_PORT) : 0,
    destination: destination.host,
    destinationPort: destination.port ?? 0,
    icmpType: ICMP_PROTOCOLS.has(protocol) ? parseIcmpType(protocol, typeText) : 0,
    port,
    vlan: parseVlans(vlan),
  };
}

/** `10`, `100,10`, `none`; '' leaves it to the node. */
function parseVlans(text: string): number[] {
  if (text === '') return [];
  if (text === 'none') return [0];
  const tags = text.split(',');
  if (tags.length > 2) throw usage(`--vlan ${text}: a frame has two tags at most`);
  return tags.map((tag) => {
    const vlan = parseNumber(tag, MOST_VLAN);
    if (vlan !== null && vlan > 0) return vlan;
    throw usage(`--vlan ${text}: "${tag}" is no VLAN; they go from 1 to ${MOST_VLAN}`);
  });
}

function example(host: string): string {
  return host.includes(':') ? `[${host}]:25` : `${host}:25`;
}

/** `tcp`, `icmp6`, ... or a number. */
export function parseProtocol(text: string): string {
  const name = text.toLowerCase();
  if (PORT_PROTOCOLS.has(name) || ICMP_PROTOCOLS.has(name)) return name;
  if (name === 'icmpv6') return 'icmp6';
  if (parseNumber(text, 255) !== null) return text;
  throw usage(`"${text}" is no protocol; tcp, udp, sctp, icmp, icmp6 or a number up to 255`);
}

/** Without a type it is a ping. */
function parseIcmpType(protocol: string, text: string | undefined): number {
  if (text === undefined) return protocol === 'icmp' ? 8 : 128;
  const type = parseNumber(text, 255);
  if (type === null) throw usage(`"${text}" is no ${protocol} type; types go from 0 to 255`);
  return type;
}

/** `90s`, `15m`, `1h30m`, `7d`: seconds. */
export function parseDuration(text: string): number {
  if (/^\d+$/.test(text))
    throw usage(`"${text}" has no unit; write ${text}s, ${text}m, ${text}h or ${text}d`);
  const seconds = durationSeconds(text);
  if (seconds === null) throw usage(`"${text}" is no duration; write 90s, 15m, 1h30m or 7d`);
  if (seconds === 0) throw usage(`"${text}": must be more than nothing`);
  return seconds;
}

/** Number of a generation; `least` is 0 where "none yet" is meant, too. */
export function parseGeneration(text: string, least = 1): number {
  const generation = parseNumber(text, 0xffffffff);
  if (generation === null || generation < least) {
    throw usage(`"${text}" is no generation; bwctl history shows their numbers`);
  }
  return generation;
}

/** Seconds in which to confirm: a number, or a duration. */
export function parseConfirm(text: string): number {
  const seconds = parseNumber(text, 86_400);
  if (seconds !== null && seconds > 0) return seconds;
  if (/^\d+$/.test(text)) throw usage(`"${text}": confirm within 1 to 86400 seconds`);
  return parseDuration(text);
}

/** What is wrong with a command line. */
export function usage(message: string): CommandError {
  return new CommandError('EUSAGE', message);
}
